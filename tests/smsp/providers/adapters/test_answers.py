"""What any provider's HTTP answer proves, before its own words are looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.mail.outcome import Blame, NotSent, Reason, Rejected, Unknown
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.protocols import HttpReply

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the moment RFC 9110 §5.6.7 spells in three ways."""

MISCONFIGURED = NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
REFUSED_4XX = NotSent(Reason.REFUSED_4XX, Blame.NOBODY)
SERVER_ERROR = Unknown(Reason.SERVER_ERROR, Blame.PROVIDER)
BAD_ANSWER = Unknown(Reason.BAD_ANSWER, Blame.PROVIDER)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([100, 103, 199, 0, -1, 600, 999], BAD_ANSWER),
        ([200, 201, 202, 204, 299], BAD_ANSWER),
        ([300, 301, 302, 304, 307, 308], MISCONFIGURED),
        ([400, 409, 410, 418, 420, 422, 499], REFUSED_4XX),
        ([401], NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)),
        ([402], NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)),
        ([403], NotSent(Reason.FORBIDDEN, Blame.PROVIDER)),
        ([404, 405, 406, 415], MISCONFIGURED),
        ([408, 500, 501, 502, 503, 504, 520, 527, 599], SERVER_ERROR),
        ([413], Rejected(Reason.TOO_LARGE)),
        ([429], NotSent(Reason.THROTTLED, Blame.THROTTLE)),
    ],
)
def test_what_a_status_proves_by_itself(statuses, outcome):
    """A 4xx excludes acceptance, but 408; a 5xx excludes nothing; the rest is not understood."""
    assert {answers.by_status(status) for status in statuses} == {outcome}


TABLE = (
    ResponseRule(400, "^no such user", Rejected(Reason.BAD_RECIPIENT)),
    ResponseRule(400, "user", Rejected(Reason.MESSAGE_REFUSED)),
    ResponseRule(503, "maintenance", NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)),
)


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        (400, "No Such User here", Reason.BAD_RECIPIENT),
        (400, "the user is on holiday", Reason.MESSAGE_REFUSED),
        (400, "no", Reason.REFUSED_4XX),
        (422, "no such user", Reason.REFUSED_4XX),
        (503, "maintenance", Reason.UNAVAILABLE),
        (503, "overloaded", Reason.SERVER_ERROR),
    ],
)
def test_the_first_row_that_matches_decides_else_the_status(status, words, reason):
    """A row needs its status and its words; what no row describes is judged by its status."""
    outcome = answers.judge(HttpReply(status), TABLE, words=words)
    assert outcome.reason is reason
    assert outcome.detail == words


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0000000000000000000060", 60.0),
        ("9" * 5000, answers.PAUSE_S_MAX),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", 0.0),
        ("Sun, 06 Nov 9994 08:48:37 GMT", answers.PAUSE_S_MAX),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Sun, 99 Nov 1994 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value, seconds):
    """Both forms of RFC 9110 §10.2.3 count from the moment the answer came."""
    reply = HttpReply(503, {"retry-after": value}, received_at=NOW)
    assert answers.retry_after_s(reply) == seconds


def test_no_retry_after_is_no_delay():
    """A provider that asks for nothing gets the circuit's own waiting time."""
    assert answers.retry_after_s(HttpReply(503)) is None


@given(st.text())
def test_no_retry_after_is_too_strange_to_read(value):
    """Whatever a server writes there, reading it does not fail."""
    pause_s = answers.retry_after_s(HttpReply(503, {"retry-after": value}, received_at=NOW))
    assert pause_s is None or 0 <= pause_s <= answers.PAUSE_S_MAX


@given(st.integers(0, 86_400))
def test_a_date_is_as_far_away_as_it_says(seconds):
    """An RFC 5322 date is read to the second."""
    date = format_datetime(datetime.fromtimestamp(NOW + seconds, UTC))
    assert answers.seconds_until(date, NOW) == seconds


def test_a_delay_given_elsewhere_goes_before_the_header():
    """A provider that names its delay in its own way means that one."""
    reply = HttpReply(429, {"retry-after": "60"})
    outcome = answers.judge(reply, (), words="", pause_s=5.0)
    assert outcome == NotSent(Reason.THROTTLED, Blame.THROTTLE, retry_after_s=5.0)


def test_a_rejected_message_has_no_delay():
    """Waiting does not make a message smaller."""
    reply = HttpReply(413, {"retry-after": "60"})
    assert answers.judge(reply, (), words="") == Rejected(Reason.TOO_LARGE)


def test_a_detail_is_one_printable_line_of_at_most_200_characters():
    """The provider's words are for reading: no control characters, no essays."""
    assert answers.presentable(" a\r\n\tb\x00c\x1b[31m d\u2028e ") == "a b c [31m d e"
    assert answers.presentable("x" * 300) == "x" * 200
    assert answers.presentable("\n \x00") is None


def test_a_secret_is_taken_out_before_the_words_are_cut():
    """No part of a key is left at the end of a long line."""
    shown = answers.presentable("x" * 195 + " key-12345", ["", "key-12345"])
    assert shown == "x" * 195 + " [red"


def test_a_body_cut_short_gives_no_detail():
    """Half a key at the end of it could not be recognised."""
    reply = HttpReply(400, body=b"bad key key-123", complete=False)
    outcome = answers.judge(reply, (), words="bad key key-123", secrets=["key-12345"])
    assert outcome == REFUSED_4XX


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b'"\\ud800"', b"<html>"]
)
def test_what_is_no_json_is_nothing(body):
    """Malformed, endless or mis-encoded JSON is read as nothing rather than raised."""
    assert answers.json_of(HttpReply(200, body=body)) is None


def test_looking_into_json_never_fails():
    """A member of what is no object is nothing, and what is no string is the empty one."""
    value = answers.json_of(HttpReply(200, body=b'{"message": "hi", "list": [1]}'))
    assert answers.text(answers.member(value, "message")) == "hi"
    assert answers.text(answers.member(value, "list")) == ""
    assert answers.member(answers.member(value, "list"), "x") is None


@pytest.mark.parametrize(
    ("value", "word"),
    [("<1@x>", "<1@x>"), (" a ", "a"), ("", None), (7, None), ("a\nb", None), ("x" * 201, None)],
)
def test_an_id_is_printable_and_not_too_long(value, word):
    """A provider's id is passed on whole or not at all."""
    assert answers.identifier(value) == word


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": 300, "message": "Invalid"}, "300: Invalid"),
        ({"code": "no_credits", "message": "None left"}, "no_credits: None left"),
        ({"code": 300}, "300"),
        ({"message": "Invalid"}, "Invalid"),
        ({"code": ["x"], "message": None}, ""),
        ("no object", ""),
    ],
)
def test_a_code_and_an_explanation_become_one_line_of_words(error, words):
    """Whichever is missing, or is neither a word nor a number, is left out."""
    assert answers.coded(error, "code", "message") == words


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (-7, -7), (True, None), (False, None), (0.0, None), ("1", None), (None, None)],
)
def test_a_whole_number(value, number):
    """Truth is no number in JSON."""
    found = answers.number(value)
    assert (found, type(found)) == (number, type(number))
