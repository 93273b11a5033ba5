"""What a key is, and what is shown of it."""

from __future__ import annotations

from hashlib import sha256

import pytest

from smsp.keys import ALL_SCOPES, Key, Scope, digest_of

DIGEST = digest_of("a secret")
FULL = Key("app", DIGEST, frozenset({Scope.SEND}), frozenset({"b.example", "a.example"}), 2.5)


def test_a_digest_is_sha_256():
    """Anybody can make one with the tools at hand."""
    assert digest_of("a secret") == sha256(b"a secret").digest()


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        (FULL, f"app:send:{DIGEST.hex()}:a.example+b.example:2.5"),
        (Key("all", DIGEST), f"all:send+observe+operate:{DIGEST.hex()}"),
        (
            Key("fast", DIGEST, ALL_SCOPES, frozenset(), 100),
            f"fast:{'+'.join(Scope)}:{DIGEST.hex()}::100",
        ),
    ],
)
def test_the_entry_of_a_key(key, entry):
    """An entry has no more parts than are needed."""
    assert key.entry == entry


def test_what_is_shown_of_a_key():
    """Neither form that logs and tracebacks use holds the digest."""
    assert str(FULL) == "app:send:**********:a.example+b.example:2.5"
    assert DIGEST.hex() not in repr(FULL)
    assert repr(DIGEST) not in repr(FULL)


def test_from_where_a_key_may_send():
    """From its own domains, not from those below them; without any, from everywhere."""
    assert [FULL.may_send_from(d) for d in ("a.example", "x.a.example", "c.example")] == [
        True,
        False,
        False,
    ]
    assert Key("all", DIGEST).may_send_from("c.example")
