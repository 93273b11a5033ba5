"""PURE. Secrets taken out of what somebody else says, who may have been told them.

Whoever repeats a secret may cut it short, break it into lines, quote it, write it in other letter
case, or leave out the padding of its base64. So it is looked for in two ways: exactly as it is;
and by its letters and digits alone, of which no ``RUN`` in a row may be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import groupby

MARK = "[redacted]"
RUN = 8
"""So many letters and digits in a row are not there by chance. A secret with fewer is looked for as
a whole."""
_WHOLE_MIN = 6
"""With fewer still only as it is: common words would be taken for it."""

_Runs = tuple[tuple[int, AbstractSet[str]], ...]


def redacted(words: str, secrets: Iterable[str]) -> str:
    """The words with :data:`MARK` for each stretch in which there is something of a secret.

    Each character takes about a microsecond.
    """
    secrets = tuple(filter(None, secrets))
    hidden = bytearray(len(words))
    for start, end in (*_exact(words, secrets), *_in_runs(words, _runs(secrets))):
        hidden[start:end] = b"\1" * (end - start)
    if not any(hidden):
        return words
    stretches = groupby(zip(words, hidden, strict=True), key=lambda pair: pair[1])
    return "".join(MARK if hide else "".join(c for c, _ in pairs) for hide, pairs in stretches)


def _exact(words: str, secrets: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for secret in secrets:
        start = words.find(secret)
        while start >= 0:
            yield start, start + len(secret)
            start = words.find(secret, start + 1)


def _in_runs(words: str, runs: _Runs) -> Iterator[tuple[int, int]]:
    places = [place for place, c in enumerate(words) if c.isascii() and c.isalnum()]
    plain = "".join([words[place] for place in places]).lower()
    for length, those in runs:
        for first in range(len(plain) - length + 1):
            if plain[first : first + length] in those:
                yield places[first], places[first + length - 1] + 1


@lru_cache(maxsize=64)
def _runs(secrets: tuple[str, ...]) -> _Runs:
    """The runs of letters and digits that must not be seen, in lower case, by their length.
    Remembered, since the secrets of an account are the same in all its answers."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for secret in secrets:
        plain = "".join([c for c in secret if c.isascii() and c.isalnum()]).lower()
        length = min(len(plain), RUN)
        if length >= _WHOLE_MIN:
            found[length].update(plain[at : at + length] for at in range(len(plain) - length + 1))
    return tuple(found.items())
