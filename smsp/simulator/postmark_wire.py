"""PURE. Postmark's HTTP API as its documentation and its clients describe it.

``POST /email`` with ``X-Postmark-Server-Token`` and JSON; ``GET /server`` as the free status call.
Its habits, kept here:

- success is 200 and ``{"To", "SubmittedAt", "MessageID", "ErrorCode": 0, "Message": "OK"}``;
- an error is ``{"ErrorCode", "Message"}``, with 422 as a rule and 401 for a token;
- **it refuses single recipients**: who is inactive, by a bounce or a complaint, is left out, and
  the others get the message. That is a success whose ``Message`` names those who were left out. If
  nobody remains it is error 406. Here :data:`INACTIVE` is, at any domain;
- the token ``POSTMARK_API_TEST`` has a message checked, answered, and let go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import getaddresses

import orjson

from smsp.simulator.wire import (
    Request,
    SimulatedAnswer,
    Submission,
    Verdict,
    json_answer,
    looks_like_address,
)

INACTIVE = "inactive"
"""The local part, a sub-address aside, of who gets nothing."""
BODY_BYTES_MAX = 10 * 1024 * 1024
RECIPIENTS_MAX = 50

_TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105 - a public word, not a secret
_UNKNOWN = (
    "No Account or Server API tokens were supplied in the HTTP headers. Please add a header for "
    "either X-Postmark-Server-Token or X-Postmark-Account-Token."
)
_ALL_INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive "
    "addresses: {}. Inactive recipients are ones that have generated a hard bounce, a spam "
    "complaint, or a manual suppression."
)
_SOME_INACTIVE = (
    "Message OK, but will not deliver to these inactive addresses: {}. Inactive recipients are "
    "ones that have generated a hard bounce, a spam complaint, or a manual suppression."
)
_TEXTS = ("From", "To", "Cc", "Bcc", "ReplyTo", "Subject", "TextBody", "HtmlBody", "Tag")


@dataclass(frozen=True, slots=True)
class PostmarkWire:
    """One server at Postmark, with one token."""

    api_key: str = field(repr=False)
    name: str = "postmark"

    def read(self, request: Request) -> Submission | SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.read`."""
        match request.path:
            case "/email":
                return self._refusal(request, "POST") or _message(request)
            case "/server":
                return self._refusal(request, "GET") or _SERVER
            case _:
                return SimulatedAnswer(404)

    def answer(
        self, verdict: Verdict, submission: Submission, *, number: int, now: float
    ) -> SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.answer`."""
        match verdict:
            case Verdict.ACCEPTED:
                return _accepted(submission, number, now)
            case Verdict.BAD_RECIPIENT:
                return _error(300, f"Invalid 'To' address: '{submission.recipients[0]}'.")
            case Verdict.SENDER_NOT_ALLOWED:
                return _error(400, "The 'From' address you supplied is not a Sender Signature.")
            case Verdict.THROTTLED:
                return _error(429, "Rate Limit Exceeded", status=429)
            case Verdict.UNAUTHORISED:
                return _error(10, _UNKNOWN, status=401)
            case Verdict.NO_CREDITS:
                return _error(405, "Not allowed to send: you have run out of credits.")
            case Verdict.ERROR:
                return SimulatedAnswer(500)
            case Verdict.BUSY:
                return _error(100, "Maintenance", status=503)

    def _refusal(self, request: Request, method: str) -> SimulatedAnswer | None:
        if request.method != method:
            return SimulatedAnswer(405, (("Allow", method),))
        token = request.headers.get("x-postmark-server-token")
        known = token == self.api_key or (token == _TEST_TOKEN and request.path == "/email")
        return None if known else _error(10, _UNKNOWN, status=401)


def _message(request: Request) -> Submission | SimulatedAnswer:
    if len(request.body) > BODY_BYTES_MAX:
        return SimulatedAnswer(413)
    try:
        mail: object = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return _error(402, "Received invalid JSON input.")
    if not isinstance(mail, dict) or not _well_shaped(mail):
        return _error(403, "Incompatible JSON.")
    return _fault_in(mail) or _submission(
        mail, test=request.headers["x-postmark-server-token"] == _TEST_TOKEN
    )


def _well_shaped(mail: Mapping[str, object]) -> bool:
    texts = all(isinstance(mail.get(name, ""), str) for name in _TEXTS)
    return texts and isinstance(mail.get("Metadata", {}), dict)


def _fault_in(mail: Mapping[str, object]) -> SimulatedAnswer | None:
    for name in ("From", "To", "Cc", "Bcc"):
        for address in _addresses(mail, name):
            if not (address.isascii() and looks_like_address(address)):
                return _error(300, f"Invalid '{name}' address: '{address}'.")
    if not any(_addresses(mail, "From")):
        return _error(300, "Invalid 'From' address: ''.")
    everybody = [*_recipients(mail)]
    if not everybody:
        return _error(300, "Zero recipients specified")
    if len(everybody) > RECIPIENTS_MAX:
        return _error(300, f"You may send to at most {RECIPIENTS_MAX} recipients.")
    if not (mail.get("TextBody") or mail.get("HtmlBody")):
        return _error(300, "Provide either email TextBody or HtmlBody or both.")
    if all(map(_is_inactive, everybody)):
        return _error(406, _ALL_INACTIVE.format(", ".join(everybody)))
    return None


def _submission(mail: Mapping[str, object], *, test: bool) -> Submission:
    everybody = [*_recipients(mail)]
    metadata = mail.get("Metadata")
    smsp_id = metadata.get("smsp-id") if isinstance(metadata, dict) else None
    return Submission(
        smsp_id=smsp_id if isinstance(smsp_id, str) else None,
        recipients=tuple(one for one in everybody if not _is_inactive(one)),
        subject=str(mail.get("Subject", "")),
        test=test,
        refused=tuple(filter(_is_inactive, everybody)),
    )


def _recipients(mail: Mapping[str, object]) -> Iterator[str]:
    for name in ("To", "Cc", "Bcc"):
        yield from _addresses(mail, name)


def _addresses(mail: Mapping[str, object], name: str) -> Iterator[str]:
    named = str(mail.get(name, ""))
    return (address for _, address in getaddresses([named] if named else []))


def _is_inactive(address: str) -> bool:
    return address.rpartition("@")[0].partition("+")[0].lower() == INACTIVE


def _accepted(submission: Submission, number: int, now: float) -> SimulatedAnswer:
    said = "OK"
    if submission.refused:
        # It names them in lower case, whatever was sent.
        said = _SOME_INACTIVE.format(", ".join(map(str.lower, submission.refused)))
    return json_answer(
        200,
        {
            "To": ", ".join(submission.recipients),
            "SubmittedAt": datetime.fromtimestamp(now, UTC).isoformat(),
            "MessageID": f"00000000-0000-4000-8000-{number:012x}",
            "ErrorCode": 0,
            "Message": said,
        },
    )


def _error(code: int, message: str, *, status: int = 422) -> SimulatedAnswer:
    return json_answer(status, {"ErrorCode": code, "Message": message})


_SERVER = json_answer(200, {"ID": 1, "Name": "Simulated"})
