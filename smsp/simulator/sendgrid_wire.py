"""PURE. SendGrid's v3 HTTP API as its documentation and its clients describe it.

``POST /v3/mail/send`` with ``Authorization: Bearer KEY`` and JSON; ``GET /v3/scopes`` as the
free status call. Its habits, kept here:

- success is 202 with an empty body, the id in ``X-Message-Id``; in the sandbox it is 200, no id;
- an error is ``{"errors": [{message, field, help}]}``, several at once where several apply;
- an account without credits is a 401 that differs from a wrong key in its text alone;
- the pause that a 429 asks for is a moment: ``X-RateLimit-Reset``, in Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import orjson

from smsp.simulator.sendgrid_rules import Complaint, complaints, submission_in
from smsp.simulator.wire import (
    THROTTLE_S,
    Request,
    SimulatedAnswer,
    Submission,
    Verdict,
    json_answer,
)

BODY_BYTES_MAX = 30 * 1024 * 1024

_EMPTY = (("Content-Type", "text/plain; charset=utf-8"),)
_NO_KEY = "The provided authorization grant is invalid, expired, or revoked"
_UNVERIFIED = (
    "The from address does not match a verified Sender Identity. "
    "Mail cannot be sent until this error is resolved."
)


@dataclass(frozen=True, slots=True)
class SendGridWire:
    """One SendGrid account with one key."""

    api_key: str = field(repr=False)
    name: str = "sendgrid"

    def read(self, request: Request) -> Submission | SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.read`."""
        match request.path:
            case "/v3/mail/send":
                return self._refusal(request, "POST") or _message(request)
            case "/v3/scopes":
                return self._refusal(request, "GET") or json_answer(200, {"scopes": ["mail.send"]})
            case _:
                return _errors(404, Complaint("not found"))

    def answer(
        self, verdict: Verdict, submission: Submission, *, number: int, now: float
    ) -> SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.answer`."""
        match verdict:
            case Verdict.ACCEPTED:
                return _accepted(submission, number)
            case Verdict.BAD_RECIPIENT:
                where = "personalizations.0.to.0.email"
                return _errors(400, Complaint("Does not contain a valid address.", where))
            case Verdict.SENDER_NOT_ALLOWED:
                return _errors(403, Complaint(_UNVERIFIED, "from"))
            case Verdict.THROTTLED:
                return _throttled(ceil(now) + THROTTLE_S)
            case Verdict.UNAUTHORISED:
                return _errors(401, Complaint(_NO_KEY))
            case Verdict.NO_CREDITS:
                return _errors(401, Complaint("Maximum credits exceeded"))
            case Verdict.ERROR:
                return _errors(500, Complaint("Internal server error"))
            case Verdict.BUSY:
                return _errors(503, Complaint("Service unavailable"))

    def _refusal(self, request: Request, method: str) -> SimulatedAnswer | None:
        if request.method != method:
            return _errors(405, Complaint("method not allowed"), headers=(("Allow", method),))
        match request.headers.get("authorization"):
            case None:
                return _errors(401, Complaint("authorization required"))
            case shown if shown != f"Bearer {self.api_key}":
                return _errors(401, Complaint(_NO_KEY))
            case _:
                return None


def _message(request: Request) -> Submission | SimulatedAnswer:
    if len(request.body) > BODY_BYTES_MAX:
        return _errors(413, Complaint("Payload too large"))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return _errors(415, Complaint("Content-Type should be application/json."))
    try:
        mail: object = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return _errors(400, Complaint("Bad Request"))
    if found := tuple(complaints(mail)):
        return _errors(400, *found)
    return submission_in(mail)


def _accepted(submission: Submission, number: int) -> SimulatedAnswer:
    if submission.test:
        return SimulatedAnswer(200, _EMPTY)
    return SimulatedAnswer(202, (*_EMPTY, ("X-Message-Id", f"simulated-{number:012d}")))


def _throttled(reset_at: int) -> SimulatedAnswer:
    limits = (
        ("X-RateLimit-Limit", "600"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", str(reset_at)),
    )
    return _errors(429, Complaint("too many requests"), headers=limits)


def _errors(
    status: int, *found: Complaint, headers: tuple[tuple[str, str], ...] = ()
) -> SimulatedAnswer:
    errors = [{"message": one.message, "field": one.field, "help": None} for one in found]
    return json_answer(status, {"errors": errors}, *headers)
