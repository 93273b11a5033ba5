"""SendGrid, simulated: what it takes, what it refuses, and its words for each."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator import Request, SimulatedAnswer, Submission, Verdict
from tests.kit.provider_requests import API_KEY, SENDGRID, sendgrid_request

NOW = 1_750_000_000.5
BEARER = f"Bearer {API_KEY}"
SANDBOX = {"sandbox_mode": {"enable": True}}
AL, BOB = {"email": "al@x.example"}, {"email": "bob@x.example"}


def complaints(answer):
    """Status, and field and message of each error."""
    errors = orjson.loads(answer.body)["errors"]
    return answer.status, [(error["field"], error["message"]) for error in errors]


def test_a_message_it_takes():
    """The outbox learns our id, everybody who gets a copy, and the subject."""
    request = sendgrid_request(
        personalizations=[{"to": [AL], "cc": [BOB]}, {"to": [BOB]}],
        custom_args={"smsp-id": "id-1"},
    )
    everybody = ("al@x.example", "bob@x.example", "bob@x.example")
    assert SENDGRID.read(request) == Submission("id-1", everybody, "hi")


def test_our_id_beside_the_recipients():
    """Custom arguments may stand in the personalization as well, and there they win."""
    person = {"to": [AL], "custom_args": {"smsp-id": "id-2"}}
    request = sendgrid_request(personalizations=[person], custom_args={"smsp-id": "id-1"})
    assert SENDGRID.read(request).smsp_id == "id-2"


def test_the_sandbox_is_no_mail():
    """Sandbox mode is checked like a message, and marked as one to let go."""
    assert SENDGRID.read(sendgrid_request(mail_settings=SANDBOX)).test
    refused = SENDGRID.read(sendgrid_request(mail_settings=SANDBOX, subject=""))
    assert complaints(refused)[0] == 400


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"personalizations": None}, "personalizations", "at least one personalization"),
        ({"personalizations": [{}]}, "personalizations.0.to", "The to array is required"),
        (
            {"personalizations": [{"to": [{"email": "al"}]}]},
            "personalizations.0.to.0.email",
            "Does not contain a valid address.",
        ),
        (
            {"personalizations": [{"to": [AL], "bcc": [{"email": "AL@x.example"}]}]},
            "personalizations.0",
            "We found the first duplicate instance of [al@x.example]",
        ),
        (
            {"personalizations": [{"to": [{"email": f"{n}@x"} for n in range(1001)]}]},
            "personalizations",
            "At most 1000 recipients",
        ),
        ({"from": None}, "from.email", "The from object must be provided"),
        ({"from": {"email": "björn@x"}}, "from.email", "does not contain a valid address"),
        ({"reply_to": {"email": ""}}, "reply_to.email", "does not contain a valid address"),
        ({"reply_to_list": [AL, {}]}, "reply_to_list.1.email", "Does not contain a valid address."),
        ({"reply_to": AL, "reply_to_list": [AL]}, "reply_to", "Only one of"),
        ({"subject": ""}, "subject", "The subject is required."),
        ({"content": None}, "content", "the content parameter is required"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value", "at least one"),
        ({"content": [{"value": "x"}]}, "content.0.type", "at least one character"),
        (
            {"content": [{"type": f"text/{kind}", "value": "x"} for kind in ("html", "plain")]},
            "content",
            "text/plain first",
        ),
        (
            {"attachments": [{"filename": "a", "content": "no base64!"}]},
            "attachments.0.content",
            "must be base64 encoded",
        ),
        ({"attachments": [{"content": ""}]}, "attachments.0.filename", "filename is required"),
        ({"headers": {"Reply-To": "x"}}, "headers", "Headers cannot include"),
        ({"headers": {"X-Number": 1}}, None, "Bad Request"),
        ({"custom_args": {"n": 1}}, None, "Bad Request"),
        ({"custom_args": {"n": "ü" * 5000}}, "custom_args", "limited to 10000 bytes"),
        ({"categories": ["c"] * 11}, "categories", "At most 10 categories"),
        ({"content": {}}, None, "Bad Request"),
        ({"mail_settings": True}, None, "Bad Request"),
    ],
)
def test_what_it_finds_wrong_with_a_message(changes, field, words):
    """Each is a 400 with one error that names the field, in SendGrid's own words."""
    status, [(where, message)] = complaints(SENDGRID.read(sendgrid_request(**changes)))
    assert (status, where) == (400, field)
    assert words in message


def test_several_complaints_at_once():
    """SendGrid lists all that it finds."""
    status, found = complaints(SENDGRID.read(sendgrid_request(subject=None, content=[])))
    assert (status, [field for field, _ in found]) == (400, ["subject", "content"])


def test_a_subject_for_each_personalization():
    """Then the message needs none of its own."""
    request = sendgrid_request(personalizations=[{"to": [AL], "subject": "s"}], subject=None)
    assert isinstance(SENDGRID.read(request), Submission)


def test_a_body_that_is_no_json():
    """415 for another content type, 400 for bytes that only claim to be JSON."""
    request = sendgrid_request()
    form = replace(request, headers={**request.headers, "content-type": "text/plain"})
    assert SENDGRID.read(form).status == 415
    assert complaints(SENDGRID.read(replace(request, body=b"{"))) == (400, [(None, "Bad Request")])


def test_a_message_too_large():
    """SendGrid takes less than 30 MB."""
    content = [{"type": "text/plain", "value": "x" * (30 * 1024 * 1024)}]
    assert SENDGRID.read(sendgrid_request(content=content)).status == 413


def test_a_wrong_key():
    """401, with other words when no key is shown at all."""
    request = sendgrid_request()
    wrong = SENDGRID.read(replace(request, headers={"authorization": "Bearer SG.other"}))
    none = SENDGRID.read(replace(request, headers={}))
    invalid = "The provided authorization grant is invalid, expired, or revoked"
    assert complaints(wrong) == (401, [(None, invalid)])
    assert complaints(none) == (401, [(None, "authorization required")])


def test_another_method_and_another_path():
    """405 says which method there is; an unknown path is 404."""
    answer = SENDGRID.read(replace(sendgrid_request(), method="GET"))
    assert answer.status == 405
    assert ("Allow", "POST") in answer.headers
    assert complaints(SENDGRID.read(Request("GET", "/"))) == (404, [(None, "not found")])


def test_the_scopes_of_a_key():
    """The free status call tells a good key from a bad one."""
    request = Request("GET", "/v3/scopes", {"authorization": BEARER})
    assert orjson.loads(SENDGRID.read(request).body) == {"scopes": ["mail.send"]}
    assert SENDGRID.read(replace(request, headers={})).status == 401


@pytest.mark.parametrize(
    ("verdict", "status", "field", "words"),
    [
        (Verdict.BAD_RECIPIENT, 400, "personalizations.0.to.0.email", "Does not contain a valid"),
        (Verdict.SENDER_NOT_ALLOWED, 403, "from", "does not match a verified Sender Identity"),
        (Verdict.THROTTLED, 429, None, "too many requests"),
        (Verdict.UNAUTHORISED, 401, None, "invalid, expired, or revoked"),
        (Verdict.NO_CREDITS, 401, None, "Maximum credits exceeded"),
        (Verdict.ERROR, 500, None, "Internal server error"),
        (Verdict.BUSY, 503, None, "Service unavailable"),
    ],
)
def test_its_words_for_each_verdict(verdict, status, field, words):
    """A list of errors; spent credits differ from a wrong key in their text alone."""
    answer = SENDGRID.answer(verdict, SENDGRID.read(sendgrid_request()), number=0, now=NOW)
    found_status, [(where, message)] = complaints(answer)
    assert (found_status, where) == (status, field)
    assert words in message


def test_the_moment_a_pause_ends():
    """A 429 names it in a header, in whole Unix seconds, never earlier than the pause."""
    submission = SENDGRID.read(sendgrid_request())
    answer = SENDGRID.answer(Verdict.THROTTLED, submission, number=0, now=NOW)
    assert ("X-RateLimit-Reset", "1750000003") in answer.headers


def test_its_word_for_success():
    """202, nothing in the body, the id in a header; every message has an id of its own."""
    submission = SENDGRID.read(sendgrid_request())
    first, second = (
        SENDGRID.answer(Verdict.ACCEPTED, submission, number=number, now=NOW) for number in (1, 2)
    )
    assert (first.status, first.body) == (202, b"")
    assert dict(first.headers)["X-Message-Id"] != dict(second.headers)["X-Message-Id"]


def test_its_word_for_the_sandbox():
    """200 and no id: nothing was queued."""
    submission = SENDGRID.read(sendgrid_request(mail_settings=SANDBOX))
    answer = SENDGRID.answer(Verdict.ACCEPTED, submission, number=1, now=NOW)
    assert answer.status == 200
    assert "X-Message-Id" not in dict(answer.headers)


def test_the_key_is_not_shown():
    """A wire can be logged."""
    assert API_KEY not in repr(SENDGRID)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | json_values.map(orjson.dumps))
def test_it_takes_no_nonsense(body):
    """Whatever the bytes are, and whatever the JSON, it answers, and takes nothing."""
    assert isinstance(SENDGRID.read(replace(sendgrid_request(), body=body)), SimulatedAnswer)


@given(
    st.dictionaries(
        st.sampled_from([*orjson.loads(sendgrid_request().body), "headers", "attachments"]),
        json_values | st.lists(st.dictionaries(st.sampled_from(["to", "cc"]), json_values)),
    )
)
def test_any_json_in_a_member_is_read(changes):
    """A member of any shape is either taken or complained of."""
    assert isinstance(SENDGRID.read(sendgrid_request(**changes)), SimulatedAnswer | Submission)
