"""Mailgun, simulated: what it takes, what it refuses, and its words for each."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.simulator import Request, SimulatedAnswer, Submission, Verdict
from tests.kit.provider_requests import BASIC, DOMAIN, MAILGUN, mailgun_request

NOW = 1_750_000_000.0
QUEUES = Request("GET", f"/v3/domains/{DOMAIN}/sending_queues", {"authorization": BASIC})


def said(answer):
    """Status and message of an error."""
    return answer.status, orjson.loads(answer.body)["message"]


def test_a_message_it_takes():
    """The outbox learns our id, everybody who gets a copy, and the subject."""
    request = mailgun_request(
        ["Bob <bob@x.example>", "eve@x.example, al@x.example"], bcc="z@x.example", v__smsp_id="id-1"
    )
    everybody = ("bob@x.example", "eve@x.example", "al@x.example", "z@x.example")
    assert MAILGUN.read(request) == Submission("id-1", everybody, "hi")


def test_neither_subject_nor_id_is_demanded():
    """Mailgun sends mail without a subject; a message that is not ours has no id of ours."""
    request = mailgun_request(subject=None)
    assert MAILGUN.read(request) == Submission(None, ("bob@example.org",), "")


def test_test_mode_is_no_mail():
    """``o:testmode=yes`` is checked like a message, and marked as one to let go."""
    submission = MAILGUN.read(mailgun_request(o__testmode="yes"))
    assert isinstance(submission, Submission)
    assert submission.test
    assert MAILGUN.read(mailgun_request(o__testmode="yes", text="")).status == 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"from": None}, "from parameter is missing"),
        ({"to": None}, "to parameter is missing"),
        ({"to": "nobody"}, "'to' parameter is not a valid address. please check documentation"),
        ({"cc": "a@b, <>"}, "'cc' parameter is not a valid address. please check documentation"),
        ({"from": "@x"}, "'from' parameter is not a valid address. please check documentation"),
        ({"text": ""}, "Need at least one of 'text' or 'html' parameters specified"),
        ({"to": ["a@x"] * 1001}, "Too many recipients. Max 1000"),
        (
            {"h__X_Long": "x" * 16_384},
            "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total",
        ),
    ],
)
def test_what_it_finds_wrong_with_a_message(changes, message):
    """Each is a 400 that names the parameter, in Mailgun's own words."""
    assert said(MAILGUN.read(mailgun_request(**changes))) == (400, message)


def test_a_body_that_is_no_form():
    """JSON, for instance."""
    request = replace(mailgun_request(), body=b"{}")
    request = replace(request, headers={"authorization": BASIC, "content-type": "text/plain"})
    assert MAILGUN.read(request).status == 400


def test_a_message_too_large():
    """Mailgun takes at most 25 MB."""
    assert MAILGUN.read(mailgun_request(html="x" * (26 * 1024 * 1024))).status == 413


@pytest.mark.parametrize("shown", ["", "Basic a2V5", "Bearer key-for-tests"])
def test_a_wrong_key(shown):
    """401, and the body is a bare JSON string."""
    for request in (mailgun_request(), QUEUES):
        answer = MAILGUN.read(replace(request, headers={"authorization": shown}))
        assert (answer.status, answer.body) == (401, b'"Forbidden"')


def test_another_domain():
    """The account sends for one domain."""
    request = replace(mailgun_request(), path="/v3/other.example/messages")
    assert said(MAILGUN.read(request)) == (404, "Domain not found: other.example")


def test_another_method():
    """405 says which method there is."""
    answer = MAILGUN.read(replace(mailgun_request(), method="PUT"))
    assert answer.status == 405
    assert ("Allow", "POST") in answer.headers
    assert MAILGUN.read(replace(QUEUES, method="POST")).status == 405
    assert MAILGUN.read(Request("BREW", "/")).status == 405


@pytest.mark.parametrize("path", ["/", "", "/v3//messages/x", "/v2/x"])
def test_a_wrong_url_is_answered_with_200(path):
    """The trap that a client has to know: this is no success."""
    answer = MAILGUN.read(replace(mailgun_request(), path=path))
    assert (answer.status, answer.body) == (200, b"Mailgun Magnificent API")


def test_the_state_of_its_queues():
    """The free status call: neither queue is disabled."""
    answer = MAILGUN.read(QUEUES)
    assert answer.status == 200
    assert {queue["is_disabled"] for queue in orjson.loads(answer.body).values()} == {False}


@pytest.mark.parametrize(
    ("verdict", "status", "words"),
    [
        (Verdict.BAD_RECIPIENT, 400, "'to' parameter is not a valid address"),
        (Verdict.SENDER_NOT_ALLOWED, 403, "The domain is unverified"),
        (Verdict.THROTTLED, 429, "limit exceeded, try again after 2 seconds"),
        (Verdict.NO_CREDITS, 402, "Payment required"),
        (Verdict.ERROR, 500, "Internal Server Error"),
        (Verdict.BUSY, 503, "Service Unavailable"),
    ],
)
def test_its_words_for_each_verdict(verdict, status, words):
    """JSON with one ``message``; the pause of a 429 stands in its text."""
    answer = MAILGUN.answer(verdict, MAILGUN.read(mailgun_request()), number=0, now=NOW)
    assert said(answer)[0] == status
    assert words in said(answer)[1]


def test_its_word_for_a_revoked_key():
    """The same bare string as for a wrong one."""
    submission = MAILGUN.read(mailgun_request())
    answer = MAILGUN.answer(Verdict.UNAUTHORISED, submission, number=0, now=NOW)
    assert (answer.status, answer.body) == (401, b'"Forbidden"')


def test_its_word_for_success():
    """200, an id in angle brackets, and "Queued"; every message has an id of its own."""
    submission = MAILGUN.read(mailgun_request())
    answers = [
        MAILGUN.answer(Verdict.ACCEPTED, submission, number=number, now=NOW) for number in (1, 2)
    ]
    bodies = [orjson.loads(answer.body) for answer in answers]
    assert {answer.status for answer in answers} == {200}
    assert {body["message"] for body in bodies} == {"Queued. Thank you."}
    assert bodies[0]["id"] == "<20250615150640.0000000000000001@mail.example.com>"
    assert bodies[1]["id"] != bodies[0]["id"]


def test_the_key_is_not_shown():
    """A wire can be logged."""
    assert "key-for-tests" not in repr(MAILGUN)


@given(
    st.builds(
        Request,
        method=st.sampled_from(["GET", "POST"]) | st.text(),
        path=st.sampled_from([mailgun_request().path, QUEUES.path]) | st.text(),
        headers=st.fixed_dictionaries(
            {"authorization": st.just(BASIC) | st.text()},
            optional={"content-type": st.just("multipart/form-data; boundary=b") | st.text()},
        ),
        body=st.binary(),
    )
)
def test_it_takes_no_nonsense(request_):
    """Whatever the bytes are, it answers, and takes nothing."""
    assert isinstance(MAILGUN.read(request_), SimulatedAnswer)


@given(st.dictionaries(st.sampled_from(["from", "to", "cc", "html"]), st.text()))
def test_any_text_in_a_field_is_read(changes):
    """A field with any text is either taken or complained of."""
    assert isinstance(MAILGUN.read(mailgun_request(**changes)), SimulatedAnswer | Submission)
