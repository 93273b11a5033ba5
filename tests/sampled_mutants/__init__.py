"""Would the tests notice? Small faults are put into the product one at a time, a sample of all.

``python -m tests.sampled_mutants`` does this, for so long at most as it is told:

1. The tests run once in a copy of the tree while nothing is wrong, watched: which test runs which
   lines, and for how long (``witness``). If one fails, nothing can be said of any mutant.
2. All mutants of the files in scope are listed (``mutants``, ``scope``), with mutmut's mutators:
   another operator, another number, an argument less, the other branch. Lines are drawn, of each
   module its share, then a mutant of each line (``sample``). A seed draws the same ones again.
   Left out is what no program can show: names of types, ``None`` for ``False``, other letters in a
   pattern that is searched letter case aside; and how words for people are put.
3. Each mutant is written into a copy of the tree, and those tests run that run its lines, the
   nearest first, until one fails or they have had their time (``trial``, ``nearest``, ``chosen``).
   Killed is a mutant at which a test fails, which cannot be imported, or which does not come to an
   end.
4. The score is the share of the killed among those that are not equivalent: ``equivalents.toml``
   lists the mutants that somebody has looked at and that nobody outside can tell from the product.

mutmut's own runner is not used: it mutates nothing outside of functions and nothing that is
decorated, and so no constant, no field's default, no row of a table and no property.

What is in ``tests/mutations`` is something else: safeguards of the actors switched off by hand.
"""
