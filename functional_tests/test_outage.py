"""The outage in the documents is what the code does."""

from __future__ import annotations

from functional_tests.kit.processes import ROOT
from functional_tests.outage import PICTURE, RULES, play, play_all, table


def test_the_readme_shows_it():
    """The table is the present one, and the picture is there; to make both anew, run
    ``python -m functional_tests.outage``."""
    readme = (ROOT / "smsp/sending/README.md").read_text("utf-8")
    assert table(play_all()) in readme
    assert PICTURE.relative_to(ROOT).as_posix() in readme
    assert PICTURE.exists()


def test_it_is_the_same_in_every_run():
    """A message more or less in doubt would be news."""
    assert play(RULES[0], seed=1) == play(RULES[0], seed=1)
