"""What every adapter promises, and the golden cases that say what each one does.

A case is one file in ``cases/<kind>/``: ``shows`` says in a sentence what it shows, ``source``
where that is written, ``adapter`` holds settings that differ from those below, ``probe`` is the
number of a probe's step. With a ``request`` it is about what is asked, with a ``reply`` about what
an answer means, to a message for its ``recipients``. A new provider is a line in ``ADAPTERS`` and a
folder of cases.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import Outcome, RefusedRecipients, Sent, word
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.adapters.brevo import Brevo
from smsp.providers.adapters.mailersend import MailerSend
from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.mailjet import Mailjet
from smsp.providers.adapters.mailtrap import Mailtrap
from smsp.providers.adapters.postal import Postal
from smsp.providers.adapters.postmark import Postmark
from smsp.providers.adapters.resend import Resend
from smsp.providers.adapters.scaleway import Scaleway
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.adapters.ses import Ses
from smsp.providers.adapters.sparkpost import SparkPost
from smsp.providers.protocols import Adapter, HttpCall, HttpReply
from tests.kit.forms import Part, read_form
from tests.kit.mails import mailbox, send_from_case, sends

PROJECT = "5c1f2a3b-0d4e-4f60-8a7b-9c0d1e2f3a4b"
CASES = Path(__file__).parent / "cases"

ADAPTERS: Mapping[str, Adapter] = {
    "mailgun": Mailgun(api_key="key-mailgun", domain="mg.example.com"),
    "sendgrid": SendGrid(api_key="SG.key"),
    "brevo": Brevo(api_key="xkeysib-key"),
    "mailersend": MailerSend(api_token="mlsn.token"),
    "mailjet": Mailjet(api_key="mj-key", secret_key="mj-secret"),
    "mailtrap": Mailtrap(api_token="mt-token"),
    "postal": Postal(api_key="postal-key"),
    "postmark": Postmark(server_token="pm-token"),
    "resend": Resend(api_key="re_key"),
    "scaleway": Scaleway(secret_key="scw-secret", project_id=PROJECT),
    "ses": Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region="eu-west-1"),
    "sparkpost": SparkPost(api_key="sp-key"),
}

SECRETS: Mapping[str, tuple[str, ...]] = {
    "mailgun": ("key-mailgun", b64encode(b"api:key-mailgun").decode()),
    "sendgrid": ("SG.key",),
    "brevo": ("xkeysib-key",),
    "mailersend": ("mlsn.token",),
    "mailjet": ("mj-key", "mj-secret", b64encode(b"mj-key:mj-secret").decode()),
    "mailtrap": ("mt-token",),
    "postal": ("postal-key",),
    "postmark": ("pm-token",),
    "resend": ("re_key",),
    "scaleway": ("scw-secret",),
    "ses": ("AKIDEXAMPLE", "ses-secret"),
    "sparkpost": ("sp-key",),
}

DOCUMENTED_SUCCESS = {
    "mailgun": lambda reply: reply.status == 200 and b"Queued" in reply.body and reply.complete,
    "sendgrid": lambda reply: reply.status == 202,
    "brevo": lambda reply: reply.status == 201 and b"messageId" in reply.body and reply.complete,
    "mailersend": lambda reply: reply.status == 202 and "x-message-id" in reply.headers,
    "mailjet": lambda reply: reply.status == 200 and b"success" in reply.body and reply.complete,
    "mailtrap": lambda reply: reply.status == 200 and b"ids" in reply.body and reply.complete,
    "postal": lambda reply: reply.status == 200 and b"success" in reply.body and reply.complete,
    "postmark": lambda reply: reply.status == 200 and b"MessageID" in reply.body and reply.complete,
    "resend": lambda reply: reply.status == 200 and b"id" in reply.body and reply.complete,
    "scaleway": lambda reply: reply.status == 200 and b"emails" in reply.body and reply.complete,
    "ses": lambda reply: reply.status == 200 and b"MessageId" in reply.body and reply.complete,
    "sparkpost": lambda reply: reply.status == 200 and b"accepted" in reply.body and reply.complete,
}

POLL = mailbox("poll@example.com")

every_kind = pytest.mark.parametrize("kind", ADAPTERS)


def cases(key: str) -> Any:
    """The cases that have ``key``, each under its kind and name."""
    paths = sorted(CASES.glob("*/*.json"))
    return pytest.mark.parametrize(
        ("kind", "case"),
        [
            pytest.param(path.parent.name, case, id=f"{path.parent.name}-{path.stem}")
            for path in paths
            if key in (case := json.loads(path.read_text("utf-8")))
        ],
    )


@cases("request")
def test_a_message_is_asked_for_as_documented(kind: str, case: Any):
    """``mail`` (or the step of a probe) becomes ``request``, to the last field."""
    adapter = adapter_of(kind, case)
    call = step(adapter, case).call if "probe" in case else adapter.encode(mail_of(case))
    assert request_of(call, case["request"]) == case["request"]


@cases("reply")
def test_an_answer_means_what_is_documented(kind: str, case: Any):
    """``reply`` becomes ``outcome``: the word, the reason, who is to blame, how long to wait."""
    adapter = adapter_of(kind, case)
    decode = step(adapter, case).decode if "probe" in case else adapter.decode
    assert outcome_of(decode(reply_of(case["reply"]))) == case["outcome"]


@every_kind
def test_every_case_says_what_it_shows_and_where_that_is_written(kind: str):
    """No fact about a provider without its source."""
    found = [json.loads(path.read_text("utf-8")) for path in CASES.glob(f"{kind}/*.json")]
    assert found
    assert all(case["shows"].endswith(".") and case["source"] for case in found)


@every_kind
def test_every_row_of_a_table_of_answers_decides_a_case(kind: str):
    """What an adapter knows of its provider's words is shown by an answer that says them."""
    (table,) = (
        value
        for value in vars(sys.modules[type(ADAPTERS[kind]).__module__]).values()
        if isinstance(value, tuple)
        and value
        and all(isinstance(row, ResponseRule) for row in value)
    )
    undecided = list(table)
    for case in (json.loads(path.read_text("utf-8")) for path in CASES.glob(f"{kind}/*.json")):
        words = case.get("outcome", {}).get("detail", "")
        status = case.get("reply", {}).get("status")
        deciding = next((row for row in table if row.matches(status, words)), None)
        undecided = [row for row in undecided if row is not deciding]
    assert undecided == []


def test_every_folder_of_cases_has_an_adapter():
    """A folder nobody reads would look like a tested provider."""
    assert {path.name for path in CASES.iterdir()} == set(ADAPTERS)


statuses = st.integers(-1, 1000) | st.sampled_from([200, 202, 400, 401, 403, 429, 503])
header_names = st.sampled_from(["retry-after", "x-ratelimit-reset", "x-message-id", "server"])
JSON_NAMES = (
    *("message", "id", "errors", "field", "regular", "is_disabled"),
    *("code", "messageId", "name", "data"),
    *("Messages", "Status", "Errors", "StatusCode", "ErrorCode", "ErrorRelatedTo", "To"),
    *("MessageID", "ID", "Message"),
    *("results", "status", "total_accepted_recipients"),
)
"""What providers call the members of their answers."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(JSON_NAMES), inner),
)
bodies = (
    st.binary() | json_values.map(json.dumps).map(str.encode) | st.just(b'{"message":"Queued"}')
)
replies = st.builds(
    HttpReply,
    status=statuses,
    headers=st.dictionaries(header_names, st.text() | st.integers().map(str)),
    body=bodies,
    complete=st.booleans(),
    received_at=st.floats(0, 4e9),
)


@every_kind
@given(reply=replies)
def test_no_answer_breaks_an_adapter_and_nonsense_is_never_sent(kind: str, reply: HttpReply):
    """Any answer at all gives an outcome, and ``Sent`` only if it is the documented success."""
    outcome = ADAPTERS[kind].decode(reply)
    assert not isinstance(outcome, Sent) or DOCUMENTED_SUCCESS[kind](reply)


@every_kind
@given(reply=replies)
def test_no_answer_breaks_a_probe(kind: str, reply: HttpReply):
    """Every step of a probe reads every answer, and an error status never passes it."""
    for each in ADAPTERS[kind].probe(POLL):
        outcome = each.decode(reply)
        assert not isinstance(outcome, Sent) or reply.status in (200, 201, 202)


@every_kind
@given(reply=replies)
def test_a_delay_is_a_number_of_seconds_one_can_wait(kind: str, reply: HttpReply):
    """Whatever the headers say, a pause is between nothing and a day."""
    pause_s = getattr(ADAPTERS[kind].decode(reply), "retry_after_s", None)
    assert pause_s is None or 0 <= pause_s <= 86_400


@every_kind
@given(reply=replies, before=st.text(max_size=210), after=st.text(max_size=10), data=st.data())
def test_no_answer_gives_a_secret_away(kind, reply, before, after, data):
    """A key that is echoed anywhere in a body never reaches the detail, whole or in part."""
    secret = data.draw(st.sampled_from(SECRETS[kind]))
    echo = f"{before} {secret} {after}"
    echoes = [echo, json.dumps({"message": echo}), json.dumps({"errors": [{"field": echo}]})]
    body = data.draw(st.sampled_from(echoes)).encode()
    assert secret not in detail_of(kind, replace(reply, body=body, complete=True))
    cut = body[: data.draw(st.integers(0, len(body)))]
    assert detail_of(kind, replace(reply, body=cut, complete=False)) == ""


@every_kind
@given(reply=replies)
def test_a_detail_is_one_short_printable_line(kind, reply):
    """What the caller is shown of the provider's words can be shown anywhere."""
    detail = detail_of(kind, reply)
    assert len(detail) <= 200
    assert detail.isprintable()


@every_kind
@given(send=sends)
def test_any_message_is_encoded_the_same_way_twice(kind: str, send):
    """Encoding takes every message that comes through the door, and nothing of it is chance."""
    adapter = ADAPTERS[kind]
    assert adapter.encode(send) == adapter.encode(send)


@every_kind
def test_secrets_show_in_no_representation(kind: str):
    """Neither the adapter nor its calls can be printed with a key in them."""
    adapter = ADAPTERS[kind]
    shown = repr(adapter) + repr(adapter.probe(POLL))
    assert not any(secret in shown for secret in SECRETS[kind])


@every_kind
def test_a_probe_ends_on_the_send_path(kind: str):
    """Only the last step is a dummy message: what closes a circuit has gone the way mail goes."""
    *before, last = [each.sends for each in ADAPTERS[kind].probe(POLL)]
    assert last
    assert not any(before)


@every_kind
def test_an_adapter_is_a_value(kind: str):
    """Adapters can be compared and put into sets, and cannot change."""
    adapter = ADAPTERS[kind]
    assert replace(adapter) == adapter
    assert len({adapter, replace(adapter)}) == 1
    with pytest.raises(AttributeError):
        adapter.region = "mars"


def adapter_of(kind: str, case: Any) -> Any:
    """The adapter, with the case's own settings."""
    return replace(ADAPTERS[kind], **case.get("adapter", {}))


def step(adapter: Adapter, case: Any) -> Any:
    """The step of a probe that a case is about."""
    return adapter.probe(POLL)[case["probe"]]


def mail_of(case: Any) -> Any:
    """The message of a case."""
    return send_from_case(case["mail"])


def reply_of(spelt: Mapping[str, Any]) -> HttpReply:
    """The answer of a case, its body given as ``text`` or as ``json``."""
    body = spelt["text"] if "text" in spelt else json.dumps(spelt["json"])
    rest = {name: spelt[name] for name in ("headers", "complete", "received_at") if name in spelt}
    to = tuple(map(mailbox, spelt.get("recipients", ())))
    return HttpReply(status=spelt["status"], body=body.encode(), recipients=to, **rest)


def outcome_of(outcome: Outcome) -> dict[str, Any]:
    """An outcome as cases spell it: without what it does not say."""
    said = {name: value for name, value in asdict(outcome).items() if value is not None}
    refused = getattr(outcome, "refused", None)
    return {"outcome": word(outcome)} | said | ({} if refused is None else spelt_out(refused))


def spelt_out(refused: RefusedRecipients) -> dict[str, Any]:
    """Who was refused, as cases spell it: rows, and after them how many more for which reason."""
    rows = [
        {name: value for name, value in asdict(one).items() if value is not None}
        for one in refused.listed
    ]
    more = {refused.unlisted_reason: refused.unlisted} if refused.unlisted else {}
    return {"refused": rows} | ({"refused_more": more} if more else {})


def detail_of(kind: str, reply: HttpReply) -> str:
    """The words of the provider that an answer shows to the caller."""
    return getattr(ADAPTERS[kind].decode(reply), "detail", None) or ""


def request_of(call: HttpCall, like: Mapping[str, Any]) -> dict[str, Any]:
    """A call as cases spell it; the body as ``json`` or ``form``, as the case does."""
    headers = dict(call.headers)
    request = {"method": call.method, "url": call.url, "headers": headers}
    if "json" in like:
        return request | {"json": opened(json.loads(call.body), like["json"])}
    if "form" in like:
        return request | {"form": list(map(part_of, read_form(headers["Content-Type"], call.body)))}
    assert not call.body
    return request


def opened(value: Any, like: Any) -> Any:
    """JSON as cases spell it: what they show as ``{"base64": [lines]}`` is decoded."""
    if not isinstance(value, dict | str) or not isinstance(like, dict):
        return value
    if isinstance(value, str):
        return {"base64": b64decode(value).decode().split("\r\n")}
    return {name: opened(each, like.get(name)) for name, each in value.items()}


def part_of(part: Part) -> list[Any]:
    """A part of a form as cases spell it."""
    if part.filename is None:
        return [part.name, part.text]
    content = b64encode(part.content).decode()
    return [
        part.name,
        {"filename": part.filename, "type": part.content_type, "content": content},
    ]
