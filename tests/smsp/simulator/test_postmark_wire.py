"""Postmark, simulated: what it takes, for whom, what it refuses, and its words for each."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator import Request, SimulatedAnswer, Submission, Verdict
from tests.kit.provider_requests import API_KEY, POSTMARK, postmark_request

NOW = 1_750_000_000.5
EVERYBODY = "Bob <bob@x.example>, Inactive+1@x.example, inactive@y.example"


def error(answer):
    """Status, code and words of an error."""
    said = orjson.loads(answer.body)
    return answer.status, said["ErrorCode"], said["Message"]


def accepted(request):
    """What it says of a message that it takes."""
    answer = POSTMARK.answer(Verdict.ACCEPTED, POSTMARK.read(request), number=7, now=NOW)
    return answer.status, orjson.loads(answer.body)


def test_a_message_it_takes():
    """The outbox learns our id, everybody who gets a copy, and the subject."""
    request = postmark_request(
        "Al <al@x.example>", Cc="bob@x.example", Bcc="cy@x.example", Metadata={"smsp-id": "id-1"}
    )
    everybody = ("al@x.example", "bob@x.example", "cy@x.example")
    assert POSTMARK.read(request) == Submission("id-1", everybody, "hi")
    assert accepted(request) == (
        200,
        {
            "To": "al@x.example, bob@x.example, cy@x.example",
            "SubmittedAt": "2025-06-15T15:06:40.500000+00:00",
            "MessageID": "00000000-0000-4000-8000-000000000007",
            "ErrorCode": 0,
            "Message": "OK",
        },
    )


def test_a_message_it_takes_for_some():
    """Who is inactive is left out; it is a success that says so, and names them in lower case."""
    request = postmark_request(EVERYBODY, Cc="INACTIVE@x.example")
    submission = POSTMARK.read(request)
    assert submission.recipients == ("bob@x.example",)
    left_out = ("Inactive+1@x.example", "inactive@y.example", "INACTIVE@x.example")
    assert submission.refused == left_out
    status, said = accepted(request)
    assert (status, said["To"], said["ErrorCode"]) == (200, "bob@x.example", 0)
    names = "inactive+1@x.example, inactive@y.example, inactive@x.example"
    words = f"Message OK, but will not deliver to these inactive addresses: {names}. Inactive "
    assert said["Message"].startswith(words)


def test_a_message_it_takes_for_nobody():
    """If nobody remains, nothing is taken: error 406."""
    status, code, words = error(POSTMARK.read(postmark_request("inactive@x.example")))
    assert (status, code) == (422, 406)
    assert "inactive@x.example" in words


@pytest.mark.parametrize("address", ["inactive.one@x.example", "x+inactive@x", "bob@inactive"])
def test_who_is_not_inactive(address):
    """The local part says it, whole."""
    assert POSTMARK.read(postmark_request(address)).refused == ()


def test_the_test_token_is_no_mail():
    """A message with it is checked like any other, and marked as one to let go."""
    assert POSTMARK.read(postmark_request(token="POSTMARK_API_TEST")).test
    refused = POSTMARK.read(postmark_request(token="POSTMARK_API_TEST", To=""))
    assert error(refused)[:2] == (422, 300)
    look = Request("GET", "/server", {"x-postmark-server-token": "POSTMARK_API_TEST"})
    assert error(POSTMARK.read(look))[:2] == (401, 10)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"From": None}, 300, "Invalid 'From' address"),
        ({"From": "björn@x.example"}, 300, "Invalid 'From' address"),
        ({"To": "al"}, 300, "Invalid 'To' address: 'al'."),
        ({"Bcc": "al@"}, 300, "Invalid 'Bcc' address"),
        ({"To": None}, 300, "Zero recipients specified"),
        ({"To": ", ".join(f"{n}@x" for n in range(51))}, 300, "at most 50 recipients"),
        ({"TextBody": None}, 300, "Provide either email TextBody or HtmlBody"),
        ({"Metadata": []}, 403, "Incompatible JSON."),
        ({"To": ["al@x.example"]}, 403, "Incompatible JSON."),
    ],
)
def test_what_it_finds_wrong_with_a_message(changes, code, words):
    """422, a code, and Postmark's own words."""
    status, found, message = error(POSTMARK.read(postmark_request(**changes)))
    assert (status, found) == (422, code)
    assert words in message


def test_a_body_that_is_no_json():
    """Or that is too large."""
    request = postmark_request()
    assert error(POSTMARK.read(replace(request, body=b"{")))[:2] == (422, 402)
    assert POSTMARK.read(postmark_request(TextBody="x" * (10 * 1024 * 1024))).status == 413


@pytest.mark.parametrize("headers", [{}, {"x-postmark-server-token": "another"}])
def test_a_wrong_token(headers):
    """401 and error 10, for a message as for the status call."""
    for request in (postmark_request(), Request("GET", "/server")):
        assert error(POSTMARK.read(replace(request, headers=headers)))[:2] == (401, 10)


def test_another_method_and_another_path():
    """405 says which method there is; an unknown path is 404."""
    answer = POSTMARK.read(replace(postmark_request(), method="GET"))
    assert (answer.status, answer.headers) == (405, (("Allow", "POST"),))
    assert POSTMARK.read(Request("GET", "/")).status == 404


def test_its_server():
    """The free status call tells a good token from a bad one."""
    look = Request("GET", "/server", {"x-postmark-server-token": API_KEY})
    assert orjson.loads(POSTMARK.read(look).body)["ID"] == 1


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        (Verdict.BAD_RECIPIENT, 422, 300),
        (Verdict.SENDER_NOT_ALLOWED, 422, 400),
        (Verdict.THROTTLED, 429, 429),
        (Verdict.UNAUTHORISED, 401, 10),
        (Verdict.NO_CREDITS, 422, 405),
        (Verdict.BUSY, 503, 100),
    ],
)
def test_its_words_for_each_verdict(verdict, status, code):
    """A code and a message each."""
    submission = POSTMARK.read(postmark_request())
    assert error(POSTMARK.answer(verdict, submission, number=0, now=NOW))[:2] == (status, code)


def test_an_error_of_its_own_has_no_words():
    """In most cases the message is lost then, as they say."""
    submission = POSTMARK.read(postmark_request())
    assert POSTMARK.answer(Verdict.ERROR, submission, number=0, now=NOW) == SimulatedAnswer(500)


def test_the_token_is_not_shown():
    """A wire can be logged."""
    assert API_KEY not in repr(POSTMARK)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | json_values.map(orjson.dumps))
def test_it_takes_no_nonsense(body):
    """Whatever the bytes are, and whatever the JSON, it answers, and takes nothing."""
    assert isinstance(POSTMARK.read(replace(postmark_request(), body=body)), SimulatedAnswer)


@given(
    st.dictionaries(
        st.sampled_from([*orjson.loads(postmark_request().body), "Cc", "Metadata", "Headers"]),
        json_values | st.text(),
    )
)
def test_any_json_in_a_member_is_read(changes):
    """A member of any shape is either taken or complained of."""
    assert isinstance(POSTMARK.read(postmark_request(**changes)), SimulatedAnswer | Submission)
