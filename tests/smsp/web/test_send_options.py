"""What the head of a ``POST /email`` may ask for, and that nothing misspelt is passed over."""

from __future__ import annotations

import pytest

from smsp.web.send_options import (
    DEADLINE_S_MAX,
    KEY_CHARACTERS_MAX,
    BadOption,
    SendOptions,
    options_of,
)
from tests.kit.web import Client, FakeDispatcher, fake_services


def header(name: str, value: str) -> tuple[bytes, bytes]:
    """As the server gives it: the name in lower case."""
    return name.lower().encode("latin-1"), value.encode("latin-1")


def test_who_asks_for_nothing():
    """Without an option a mail is sent, with all the patience there is."""
    usual = [header("Content-Type", "application/json"), header("X-Request-ID", "1")]
    assert options_of(usual, ()) == SendOptions(DEADLINE_S_MAX, None, dry_run=False)


def test_all_that_can_be_asked_for():
    """Deadline, key and dry run, each said once."""
    headers = [header("Idempotency-Key", "order-1"), header("SMSP-Deadline", "2.5")]
    assert options_of(headers, [("dryrun", "true")]) == SendOptions(2.5, "order-1", dry_run=True)
    assert options_of((), [("dryrun", "false")]) == SendOptions(DEADLINE_S_MAX, None, dry_run=False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ([("dry_run", "true")], "dry_run"),
        ([("dryRun", "true")], "dryRun"),
        ([("DRYRUN", "true")], "DRYRUN"),
        ([("dryrun", "true"), ("verbose", "1")], "verbose"),
        ([("", "true")], ""),
        ([("dryrun", "false"), ("dryrun", "true")], "dryrun"),
        ([("dryrun", "true"), ("dryrun", "true")], "dryrun"),
        ([("dryrun", "1")], "dryrun"),
        ([("dryrun", "")], "dryrun"),
        ([("dryrun", "True")], "dryrun"),
        ([("dr\xffun\r\n" + "n" * 100, "true")], "dr?un??" + "n" * 57),
    ],
)
def test_a_dry_run_that_is_misspelt(query, field):
    """It would be a real mail: every other parameter, and a second one, is refused by its name."""
    refused = options_of((), query)
    assert isinstance(refused, BadOption)
    assert (refused.code, refused.field) == ("bad_request", field)


@pytest.mark.parametrize(
    "name",
    [
        "X-Idempotency-Key",
        "IdempotencyKey",
        "Idempotency_Key",
        "x-idempotencykey",
        "Idempotency-Token",
        "X-Idempotency-ID",
        "X-Idempotency",
    ],
)
def test_an_idempotency_key_that_is_misspelt(name):
    """It would be no key, and a repetition a second mail: refused, with the name that is meant."""
    refused = options_of([header(name, "order-1")], ())
    assert isinstance(refused, BadOption)
    assert (refused.code, refused.field) == ("bad_request", name.lower())
    assert "Did you mean Idempotency-Key?" in refused.message


@pytest.mark.parametrize("name", ["X-Identity", "If-Match", "X-Key", "Idempotency-Replayed"])
def test_headers_that_mean_something_else(name):
    """What others put on a request is nothing to us."""
    assert isinstance(options_of([header(name, "1")], ()), SendOptions)


@pytest.mark.parametrize(
    "keys",
    [[""], ["n" * (KEY_CHARACTERS_MAX + 1)], ["\xe4"], ["a\tb"], ["a", "b"], ["a", "a"]],
    ids=["empty", "long", "latin", "tab", "two", "twice"],
)
def test_an_idempotency_key_that_cannot_be_kept(keys):
    """It is 1 to 256 printable characters, and one."""
    refused = options_of([header("Idempotency-Key", key) for key in keys], ())
    assert isinstance(refused, BadOption)
    assert refused.code == "invalid_idempotency_key"


@pytest.mark.parametrize("key", ["a", "n" * 256, "with spaces ~!"])
def test_an_idempotency_key_that_is_kept(key):
    """Up to 256 characters, whatever they are for."""
    kept = options_of([header("Idempotency-Key", key)], ())
    assert isinstance(kept, SendOptions)
    assert kept.idempotency_key == key


@pytest.mark.parametrize(
    "text", ["0.05", "300", "300.0", "1.", ".5", "007", "60.40236906176561", "3e2", "5E-2"]
)
def test_a_deadline(text):
    """A decimal number of seconds from 0.05 to 300."""
    options = options_of([header("SMSP-Deadline", text)], ())
    assert isinstance(options, SendOptions)
    assert options.patience_s == float(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0.049",
        "300.1",
        "1_0",
        "nan",
        "inf",
        "-1",
        "+1",
        "1e999",
        "1e-9",
        "\xb2",
        "5s",
        "9" * 400,
    ],
)
def test_what_is_no_deadline(text):
    """What ``float`` reads beyond that is refused, and so is what is out of range."""
    refused = options_of([header("SMSP-Deadline", text)], ())
    assert isinstance(refused, BadOption)
    assert (refused.code, refused.field) == ("invalid_deadline", "SMSP-Deadline")


def test_two_deadlines():
    """Nobody can tell which was meant."""
    both = [header("SMSP-Deadline", "1"), header("SMSP-Deadline", "2")]
    assert isinstance(options_of(both, ()), BadOption)


@pytest.mark.parametrize(
    "query",
    [
        "?dry_run=true",
        "?dryRun=true",
        "?other=true",
        "?dryrun=false&dryrun=true",
        "?dryrun=true&dryrun=false",
        "?dryrun=true;dryrun=true",
        "?%64ryrun=true&dryrun=true",
    ],
)
async def test_a_misspelt_dry_run_sends_nothing(query):
    """400 names the parameter, and no provider is asked."""
    dispatcher = FakeDispatcher()
    answer = await Client(fake_services(dispatcher=dispatcher)).post(query=query)
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert answer.json["field"] in query
    assert dispatcher.sends == []


async def test_a_misspelt_idempotency_key_sends_nothing():
    """400 names the header and the one that is meant, and no provider is asked."""
    dispatcher = FakeDispatcher()
    client = Client(fake_services(dispatcher=dispatcher))
    answer = await client.post(headers={"X-Idempotency-Key": "order-1"})
    assert (answer.status, answer.json["field"]) == (400, "x-idempotency-key")
    assert "Idempotency-Key?" in answer.json["message"]
    assert dispatcher.sends == []
