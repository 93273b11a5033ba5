"""``SMSP_API_KEYS``: what it may hold, what is wrong with it, and how it is read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.keys import ALL_SCOPES, Key, Scope, digest_of
from smsp.settings import SettingsError, load_keys
from smsp.settings.keys import new_key, parse_keys
from tests.kit.environments import MOCK, loaded, mistakes_in

ONE, TWO = digest_of("one"), digest_of("two")
SEND = frozenset({Scope.SEND})
FORM = "must be a comma list of name:scopes:sha256-hex[:from-domains[:per-second]]; entry {} is not"
NO_RATE = "has a part of entry 1 that must be a number of messages a second from 0.001 to 1000000"
NO_DIGEST = (
    "must have the SHA-256 of a key, 64 hexadecimal digits, third in entry 1: "
    "`smsp key new` prints one"
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (f"app:send:{ONE.hex()}", [Key("app", ONE, SEND)]),
        (f"app:send:{ONE.hex().upper()}::", [Key("app", ONE, SEND)]),
        (f"A-1.b:send+observe+operate:{ONE.hex()}", [Key("A-1.b", ONE, ALL_SCOPES)]),
        (
            f"app:send:{ONE.hex()}:Example.com+example.org:50",
            [Key("app", ONE, SEND, frozenset({"example.com", "example.org"}), 50.0)],
        ),
        (f"app:send:{ONE.hex()}::0.5", [Key("app", ONE, SEND, per_second=0.5)]),
        (
            f"app:send:{ONE.hex()}, ops:operate:{TWO.hex()}",
            [Key("app", ONE, SEND), Key("ops", TWO, frozenset({Scope.OPERATE}))],
        ),
        (
            f"app:send:{ONE.hex()}::5,app:send:{TWO.hex()}::5",
            [Key("app", ONE, SEND, per_second=5.0), Key("app", TWO, SEND, per_second=5.0)],
        ),
    ],
)
def test_keys_are_read(text, keys):
    """Name, scopes and hash; domains and a rate where there are any; one name twice with two
    hashes, for a secret that is being changed."""
    assert parse_keys(text) == tuple(keys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app", FORM.format(1)),
        (f"app:send:{ONE.hex()},", FORM.format(2)),
        (f":send:{ONE.hex()}", FORM.format(1)),
        (f"SMSP_API_KEY:send:{ONE.hex()}", FORM.format(1)),
        (f"app:send:{ONE.hex()}:::", FORM.format(1)),
        ("app:send:the-secret-itself", NO_DIGEST),
        (f"app:send:{digest_of('').hex()}", NO_DIGEST),
        (
            f"app:all:{ONE.hex()}",
            "has a part of entry 1 that must be scopes (send, observe, operate) joined by +",
        ),
        (
            f"app:send:{ONE.hex()}:exa mple.com",
            "has a part of entry 1 that must be domain names joined by +, like "
            "example.com+example.org",
        ),
        (
            f"app:send:{ONE.hex()}::fast",
            NO_RATE,
        ),
        (
            f"app:send:{ONE.hex()}::0",
            NO_RATE,
        ),
        (
            f"app:send:{ONE.hex()},ops:send:{ONE.hex()}",
            "must not have one hash twice: whose key would it be?",
        ),
        (
            f"app:send:{ONE.hex()},app:operate:{TWO.hex()}",
            "has a name twice with other rights: only the hash may differ",
        ),
    ],
)
def test_a_wrong_entry_is_told_by_its_number(text, message):
    """And never by what stands in it, which may be a secret."""
    assert mistakes_in({**MOCK, "SMSP_API_KEYS": text}) == {"SMSP_API_KEYS": message}


@given(st.text() | st.lists(st.sampled_from([*"app:,+0.", "send", ONE.hex()])).map("".join))
def test_any_text_is_keys_or_a_mistake(text):
    """Whatever is written there; and what is read can be written again."""
    keys, complaint = (), ""
    try:
        keys = parse_keys(text)
    except ValueError as error:
        complaint = str(error)
    assert bool(keys) is not bool(complaint)
    assert ONE.hex() not in complaint
    if keys:
        assert parse_keys(",".join(key.entry for key in keys)) == keys


def test_the_key_of_the_first_smsp_has_all_scopes():
    """It stands beside the others, under the name of its variable."""
    settings = loaded(SMSP_API_KEYS=f"app:send:{ONE.hex()}")
    assert settings.known_keys == (
        Key("SMSP_API_KEY", digest_of(MOCK["SMSP_API_KEY"])),
        Key("app", ONE, SEND),
    )


def test_hashed_keys_are_enough():
    """With them there need be no key that may do everything."""
    environ = {"SMSP_MOCK_EMAIL_SERVICE": "true", "SMSP_API_KEYS": f"app:send:{ONE.hex()}"}
    assert loaded(environ).known_keys == (Key("app", ONE, SEND),)


def test_one_secret_is_one_key():
    """The same secret in both variables would have two names."""
    digest = digest_of(MOCK["SMSP_API_KEY"]).hex()
    found = mistakes_in({**MOCK, "SMSP_API_KEYS": f"app:send:{digest}"})
    assert found == {"SMSP_API_KEY": "is in SMSP_API_KEYS, too: keep one"}


def test_keys_can_be_read_again():
    """Nothing but the keys is looked at: whatever else is wrong now was right at the start."""
    environ = {"SMSP_API_KEYS_FILE": "/run/keys", "SMSP_PORT": "not a port"}
    keys = load_keys(environ, read_file=lambda _path: f"app:send:{ONE.hex()}\n".encode())
    assert keys == (Key("app", ONE, SEND),)


@pytest.mark.parametrize(
    ("held", "mistakes"),
    [
        (b"app:send:oops", f"SMSP_API_KEYS {NO_DIGEST}"),
        (b"", "SMSP_API_KEY is required"),
        (b"\xff", "SMSP_API_KEYS_FILE names a file that holds no UTF-8 text"),
    ],
)
def test_a_mistake_in_keys_that_are_read_again(held, mistakes):
    """It is told as at the start."""
    with pytest.raises(SettingsError) as caught:
        load_keys({"SMSP_API_KEYS_FILE": "/run/keys"}, read_file=lambda _path: held)
    assert str(caught.value) == mistakes


def test_a_new_key_is_an_entry_and_its_secret():
    """The secret is long, always another, and in no more than one place."""
    key, secret = new_key("app", "send", "example.com", "5")
    assert parse_keys(key.entry) == (key,)
    assert key.digest == digest_of(secret)
    assert len(secret) > 40
    assert new_key("app", "send")[1] != secret


@pytest.mark.parametrize(
    ("parts", "begins"),
    [
        (("two words", "send"), "NAME must be"),
        (("app", "everything"), "--scopes must be"),
        (("app", "send", "exa mple"), "--from-domains must be"),
        (("app", "send", "", "-1"), "--per-second must be"),
    ],
)
def test_a_new_key_that_cannot_be(parts, begins):
    """The option that is wrong is named."""
    with pytest.raises(ValueError, match=f"^{begins}"):
        new_key(*parts)
