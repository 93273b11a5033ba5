"""A secret that somebody repeats is not shown, however it is repeated."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.providers.redaction import redacted

KEY = "SG.q7Zt-0aXw9_KpLm4RvB2"
PLAIN = "sgq7zt0axw9kplm4rvb2"


def letters_and_digits(words: str) -> str:
    """What a reader could put together again."""
    return re.sub(r"[^a-z0-9]", "", words.replace("[redacted]", "|").lower())


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (f"no key {KEY} here", "no key [redacted] here"),
        (f'key="{KEY}",', 'key="[redacted]",'),
        (f"{KEY}{KEY}", "[redacted]"),
        (f"{KEY} {KEY}", "[redacted] [redacted]"),
        (f"{KEY}, or {KEY[:12]}", "[redacted], or [redacted]"),
        (f"cut {KEY[:10]}", "cut [redacted]"),
        (f"cut {KEY[-9:]}!", "cut [redacted]!"),
        (f"no key {KEY.upper()} here", "no key [redacted] here"),
        (f"{KEY[:9]} - {KEY[9:]} ends", "[redacted] ends"),
        ("no key at all", "no key at all"),
        ("", ""),
    ],
)
def test_what_is_shown(words, shown):
    """All but the stretch in which there is something of it, with what stands inside."""
    assert redacted(words, [KEY]) == shown


@given(st.integers(0, 22), st.integers(0, 22), st.sampled_from([" ", "\n", "-", '" "', "... "]))
def test_a_secret_in_pieces(first, second, between):
    """Wherever it is cut, no eight letters or digits of it in a row can be read."""
    one, two = sorted((first, second))
    shown = redacted(f"bad {between.join((KEY[:one], KEY[one:two], KEY[two:]))} sorry", [KEY])
    assert shown.startswith("bad ")
    assert shown.endswith(" sorry")
    seen = letters_and_digits(shown)
    assert not [at for at in range(len(PLAIN) - 7) if PLAIN[at : at + 8] in seen]


@pytest.mark.parametrize("secret", ["hunter", "hunter2", "hunter2!"])
def test_a_short_secret_is_looked_for_as_a_whole(secret):
    """Six letters or digits, or seven, are no run of eight; a part of them is a common word."""
    assert redacted(f"bad {secret.upper()} of a hunt", [secret]).startswith("bad [redacted]")
    assert "of a hunt" in redacted(f"bad {secret} of a hunt", [secret])


def test_a_very_short_secret_is_looked_for_as_it_is():
    """Else common words would be taken for it."""
    assert (
        redacted("Rest of pass-1, and pas s1", ["pass-1"[:5], "es"])
        == "R[redacted]t of [redacted]1, and pas s1"
    )


def test_a_secret_at_either_end():
    """The first character counts, and the last."""
    assert redacted("pw is bad", ["pw"]) == "[redacted] is bad"
    assert redacted("bad: pw", ["pw"]) == "bad: [redacted]"


def test_a_secret_of_signs_is_looked_for_as_it_is():
    """It has no letters and no digits, and empty secrets there are none."""
    assert redacted("a !$%& b", ["!$%&", "", "é"]) == "a [redacted] b"
    assert redacted("abc", [""]) == "abc"
    assert redacted("abc", []) == "abc"


@given(st.text(max_size=60))
def test_words_without_secrets_are_left_alone(words):
    """Nothing is hidden that is none."""
    assert redacted(words, ["\N{SNOWMAN}" * 70]) == words


def test_several_secrets_of_different_lengths():
    """Each is looked for by itself."""
    shown = redacted("a 1234567 b abcdefghij c 7654321 d", ["1234567", "abcdefghij", "7654321"])
    assert shown == "a [redacted] b [redacted] c [redacted] d"


@given(st.binary(min_size=12, max_size=30), st.booleans(), st.booleans())
def test_base64_in_another_spelling(secret, urlsafe, padded):
    """Its other alphabet, or no padding, make no difference."""
    said = (urlsafe_b64encode if urlsafe else b64encode)(secret).decode()
    said = said if padded else said.rstrip("=")
    shown = redacted(f"535 <{said}>", [b64encode(secret).decode()])
    plain = letters_and_digits(b64encode(secret).decode())
    seen = letters_and_digits(shown)
    assert not [at for at in range(len(plain) - 7) if plain[at : at + 8] in seen]
