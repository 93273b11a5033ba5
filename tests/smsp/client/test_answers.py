"""Whose answer it is, and what it proves: judged the same whatever kind of code has asked."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsp.client import (
    Attempt,
    NotSent,
    RefusedRecipient,
    Rejected,
    RequestRefused,
    Sent,
    Unknown,
)
from tests.kit.callers import CALLERS, MESSAGE, Node, in_a_thread, says

ATTEMPT = {"provider": "mailgun", "outcome": "unknown", "reason": "timeout", "seconds": 2.0}
SENT = {"outcome": "sent", "id": "1", "provider": "mailgun", "messageid": "m"}
REJECTED = {"outcome": "rejected", "code": "rejected", "id": "1", "message": "bad address"}
NOT_SENT = {"outcome": "not_sent", "code": "not_sent", "id": "1", "message": "not now"}
UNKNOWN = {"outcome": "unknown", "code": "unknown", "id": "1", "message": "who knows"}
PAGE = "<html><h1>Not SMSP</h1></html>"


def told(answer, call=in_a_thread):
    """The outcome, or the refusal, that a caller is told of."""
    try:
        return call(Node(answer), "send", MESSAGE).result
    except RequestRefused as refusal:
        return refusal


@pytest.mark.parametrize("call", CALLERS, ids=lambda call: call.__name__)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(200, **SENT), Sent),
        (says(422, **REJECTED), Rejected),
        (says(503, **NOT_SENT), NotSent),
        (says(503, **NOT_SENT | {"code": "no_provider"}), NotSent),
        (says(504, **UNKNOWN), Unknown),
        (says(503, code="draining", message="stopping"), NotSent),
        (says(503, code="busy", message="busy"), NotSent),
        (says(429, code="too_many_requests", message="slow"), NotSent),
        (says(408, code="body_timeout", message="too slow"), NotSent),
        (says(409, code="in_progress", message="twin"), Unknown),
        (says(500, code="internal", message="a bug"), Unknown),
        (says(401, code="unauthorised", message="Unauthorised"), RequestRefused),
        (says(403, code="forbidden_from", message="not from there"), RequestRefused),
        (says(413, code="too_large", message="too large"), RequestRefused),
        (says(422, code="invalid_message", message="toaddress: is required"), RequestRefused),
        (says(422, code="idempotency_mismatch", message="another message"), RequestRefused),
        (says(418, code="of_a_later_release", message="no"), RequestRefused),
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectError("[Errno -2] Name or service not known"), NotSent),
        (httpx.ConnectTimeout(""), NotSent),
        (httpx.PoolTimeout(""), NotSent),
        (httpx.UnsupportedProtocol("ftp"), NotSent),
        (httpx.WriteError("reset"), Unknown),
        (httpx.WriteTimeout(""), Unknown),
        (httpx.ReadError("reset"), Unknown),
        (httpx.ReadTimeout("nothing came"), Unknown),
        (httpx.CloseError("reset"), Unknown),
        (httpx.ProxyError("what proxy"), Unknown),
        (httpx.RemoteProtocolError("no HTTP"), Unknown),
        (httpx.LocalProtocolError("ours"), Unknown),
        (httpx.DecodingError("broken gzip"), Unknown),
        (httpx.TooManyRedirects("round and round"), Unknown),
        (OSError("a bad record"), Unknown),
    ],
)
def test_what_an_answer_proves(call, answer, kind):
    """Also what is no answer: only a connection that was never made proves anything."""
    assert isinstance(told(answer, call), kind)


ANYBODYS = [
    *(httpx.Response(status, html=PAGE) for status in (100, 101, 103, 200, 202, 204, 400, 403)),
    *(httpx.Response(status, html=PAGE) for status in (404, 408, 413, 429, 499, 500, 502, 503)),
    *(httpx.Response(status, html=PAGE) for status in (504, 520, 524, 599, 999)),
    *(
        httpx.Response(status, headers={"Location": "/elsewhere"})
        for status in (301, 302, 307, 308)
    ),
    httpx.Response(302, headers={"Location": "http://["}),
    httpx.Response(200, headers={"Set-Cookie": "=;;=" * 50}),
    says(403, ours=False, message="Forbidden"),
    says(401, ours=False, code="unauthorised", message="a gateway's"),
    says(429, ours=False, code="too_many_requests", message="a gateway's"),
    says(503, ours=False, code="busy", message="a gateway's"),
    says(503, {"RequestKey": ""}, code="busy", message="a gateway's"),
    says(503, message="no code"),
    says(503, code="draining"),
    says(404, code=404, message="no word"),
    says(200, code="busy", message="no error"),
    says(200, valid=True, route=["mailgun"], skipped=[]),
    httpx.Response(200, content=b"\x1f\x8b" + b"x" * 20),
    httpx.Response(200, content=json.dumps(SENT).encode(), headers={"Content-Type": "text/html"}),
    httpx.Response(200, content=json.dumps(SENT).encode()),
    httpx.Response(200, json=[SENT]),
    httpx.Response(
        200, content=b'{"outcome": "sent"', headers={"Content-Type": "application/json"}
    ),
    httpx.Response(200, content=b"[" * 100_000, headers={"Content-Type": "application/json"}),
    httpx.Response(
        200, content=b"[" * 500 + b"]" * 500, headers={"Content-Type": "application/json"}
    ),
    httpx.Response(200, content=b"NaN", headers={"Content-Type": "application/json"}),
    httpx.Response(200, content=b"\xff", headers={"Content-Type": "application/json"}),
    httpx.Response(200, json=SENT | {"padding": "x" * 2**20}),
]
"""What proxies, gateways, portals and other servers say: nothing of any message."""


@pytest.mark.parametrize("answer", ANYBODYS)
def test_an_answer_that_is_not_smsps(answer):
    """Proves nothing, whatever its status, and none of it is handed on as SMSP's."""
    outcome = told(answer)
    assert isinstance(outcome, Unknown)
    assert (outcome.id, outcome.answer, outcome.attempts) == (None, {}, ())


@pytest.mark.parametrize("status", [200, 201, 302, 400, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [SENT, REJECTED, NOT_SENT, UNKNOWN], ids=lambda body: body["outcome"]
)
def test_an_outcome_has_a_status_of_its_own(status, body):
    """With another one it is somebody's imitation, or has been changed on its way."""
    own = {"sent": 200, "rejected": 422, "not_sent": 503, "unknown": 504}[body["outcome"]]
    outcome = told(says(status, **body))
    assert (outcome.answer == body) == (status == own)
    assert isinstance(outcome, Unknown) or status == own


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {k: v for k, v in SENT.items() if k != "id"}),
        (200, {k: v for k, v in SENT.items() if k != "provider"}),
        (200, SENT | {"id": 1}),
        (200, SENT | {"id": ""}),
        (200, SENT | {"code": "sent"}),
        (200, SENT | {"outcome": "Sent"}),
        (200, SENT | {"outcome": ["sent"]}),
        (422, REJECTED | {"code": "invalid_message"}),
        (422, REJECTED | {"code": ["rejected"]}),
        (422, {"outcome": "rejected", "id": "1"}),
        (503, NOT_SENT | {"code": "busy"}),
        (503, NOT_SENT | {"message": None}),
        (503, NOT_SENT | {"outcome": "refused"}),
        (503, NOT_SENT | {"outcome": None}),
    ],
)
def test_an_outcome_has_members_of_its_own(status, body):
    """One that lacks them, or says two things at once, is not believed."""
    outcome = told(says(status, **body))
    assert isinstance(outcome, Unknown)
    assert outcome.answer == {}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "x"])
@pytest.mark.parametrize(
    "content",
    [b"junk", gzip.compress(json.dumps(SENT).encode(), mtime=0)],
    ids=["junk", "compressed"],
)
def test_nobody_asked_for_compression(encoding, content):
    """Broken or whole, it is not undone: a small answer could become a large one."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding, "RequestKey": "k"}
    node_answer = httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))
    outcome = in_a_thread(lambda _: node_answer, "send", MESSAGE).result
    assert isinstance(outcome, Unknown)
    assert "compressed" in outcome.message


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_a_media_type_as_it_may_be_written(media_type):
    """In any case, and with parameters."""
    answer = says(504, {"Content-Type": media_type}, **UNKNOWN)
    assert told(answer).id == "1"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(200, **SENT, attempts=[ATTEMPT]), Sent),
        (says(422, **REJECTED, attempts=[ATTEMPT]), Rejected),
        (says(503, **NOT_SENT, attempts=[ATTEMPT]), NotSent),
        (says(504, **UNKNOWN, attempts=[ATTEMPT]), Unknown),
    ],
)
def test_every_outcome_has_its_id_and_its_attempts(answer, kind):
    """With the id it can be asked for later, and be found in the log."""
    outcome = told(answer)
    assert isinstance(outcome, kind)
    assert outcome.id == "1"
    assert outcome.attempts == (Attempt("mailgun", "unknown", "timeout", 2.0),)


@pytest.mark.parametrize(
    ("rows", "attempts"),
    [
        (None, ()),
        ("nonsense", ()),
        (["nonsense", 5, None], ()),
        ([{}], (Attempt("", "", "", 0.0),)),
        ([ATTEMPT | {"seconds": "2"}], (Attempt("mailgun", "unknown", "timeout", 0.0),)),
        ([ATTEMPT | {"detail": "no"}], (Attempt("mailgun", "unknown", "timeout", 2.0, "no"),)),
    ],
)
def test_attempts_as_far_as_they_can_be_read(rows, attempts):
    """They explain an outcome, and do not decide it."""
    assert told(says(200, **SENT, attempts=rows)).attempts == attempts


CAROL = {"address": "carol@example.org", "reason": "suppressed"}


@pytest.mark.parametrize(
    ("said", "refused", "count"),
    [
        ({}, None, 0),
        ({"refusedrecipients": None}, None, 0),
        ({"refusedrecipients": []}, (), 0),
        ({"refusedrecipients": [CAROL]}, (RefusedRecipient(*CAROL.values()),), 1),
        (
            {"refusedrecipients": [CAROL | {"detail": "bounced"}], "refusedrecipientscount": 150},
            (RefusedRecipient(*CAROL.values(), "bounced"),),
            150,
        ),
        ({"refusedrecipients": None, "refusedrecipientscount": 2}, None, 2),
        ({"refusedrecipients": ["nonsense"], "refusedrecipientscount": "two"}, (), 0),
    ],
)
def test_who_will_not_get_a_message_that_was_sent(said, refused, count):
    """As far as SMSP knows; an SMSP from before that says nothing of it."""
    sent = told(says(200, **SENT, **said))
    assert isinstance(sent, Sent)
    assert (sent.refusedrecipients, sent.refusedrecipientscount) == (refused, count)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["sent", "rejected", "not_sent", "unknown", "busy", "draining", "internal"])
MEMBERS = st.sampled_from(["outcome", "code", "message", "id", "provider", "attempts", "settled"])
NEARLY = st.builds(
    lambda base, changed: base | changed,
    st.sampled_from([SENT, REJECTED, NOT_SENT, UNKNOWN, {}]),
    st.dictionaries(MEMBERS, WORDS | JUNK, max_size=3),
)
BODIES = st.binary(max_size=64) | (JUNK | NEARLY).map(lambda body: json.dumps(body).encode())
NAMES = st.sampled_from(
    [
        b"Content-Type",
        b"Content-Encoding",
        b"Content-Length",
        b"Retry-After",
        b"RequestKey",
        b"Location",
        b"Set-Cookie",
        b"Transfer-Encoding",
    ]
)
VALUES = st.sampled_from([b"application/json", b"nan", b"-1", b"inf", b"gzip", b"http://[", b"1"])
FIELDS = st.lists(st.tuples(NAMES, VALUES | st.binary(max_size=16)), max_size=5)
STATUSES = st.sampled_from([200, 401, 408, 409, 422, 429, 503, 504]) | st.integers(100, 999)


OWN = {"sent": (Sent, 200), "rejected": (Rejected, 422), "not_sent": (NotSent, 503)}
NOT_READ = {"body_timeout": 408, "too_many_requests": 429, "busy": 503, "draining": 503}


@given(STATUSES, st.booleans(), FIELDS, BODIES)
def test_no_answer_whatever_is_more_than_it_says(status, typed, fields, body):
    """An outcome is told only in SMSP's own words for it, and nothing but a refusal is raised."""
    headers = [(b"Content-Type", b"application/json")] * typed + fields
    response = httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
    outcome = told(response)
    if isinstance(outcome, Unknown):
        return
    said = json.loads(body)
    assert response.headers["Content-Type"].lower().startswith("application/json")
    if "outcome" in said:
        assert (type(outcome), status) == OWN[said["outcome"]]
        return
    assert response.headers["RequestKey"]
    if isinstance(outcome, NotSent):
        assert NOT_READ[said["code"]] == status
    else:
        assert isinstance(outcome, RequestRefused)
        assert 400 <= status < 500
