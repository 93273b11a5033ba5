"""PURE. Mailgun's HTTP API as its documentation and its clients describe it.

``POST /v3/{domain}/messages`` with Basic authentication ``api:KEY`` and a form;
``GET /v3/domains/{domain}/sending_queues`` as the free status call. Its habits, kept here:

- success is 200 and ``{"id", "message": "Queued. Thank you."}``;
- a wrong URL is a *success* too: 200 and the text ``Mailgun Magnificent API``;
- 401 is the bare JSON string ``"Forbidden"``;
- the pause that a 429 asks for is in its text: ``try again after 2 seconds``;
- ``o:testmode=yes`` is checked and answered like any other message, and not delivered.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import getaddresses
from urllib.parse import unquote

from smsp.simulator.form import Field, parse_form
from smsp.simulator.wire import (
    THROTTLE_S,
    Request,
    SimulatedAnswer,
    Submission,
    Verdict,
    json_answer,
    looks_like_address,
)

MESSAGE_BYTES_MAX = 25 * 1024 * 1024
OPTION_BYTES_MAX = 16 * 1024
RECIPIENTS_MAX = 1_000

_MAGNIFICENT = SimulatedAnswer(
    200, (("Content-Type", "text/plain; charset=utf-8"),), b"Mailgun Magnificent API"
)
_FORBIDDEN = json_answer(401, "Forbidden", ("WWW-Authenticate", 'Basic realm="MG API"'))
_UNVERIFIED = "The domain is unverified and requires DNS configuration."
_OPTIONS_TOO_LONG = (
    "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total"
)
_BODY_FIELDS = ("text", "html", "amp-html", "template")
_OPTION_PREFIXES = ("o:", "h:", "v:", "t:")


@dataclass(frozen=True, slots=True)
class MailgunWire:
    """One Mailgun account with one key and one sending domain."""

    api_key: str = field(repr=False)
    domain: str
    name: str = "mailgun"

    def read(self, request: Request) -> Submission | SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.read`."""
        match request.path.split("/"):
            case ["", "v3", "domains", domain, "sending_queues"]:
                return self._refusal(request, "GET", domain) or _QUEUES
            case ["", "v3", domain, "messages"]:
                return self._refusal(request, "POST", domain) or _message(request)
            case _:
                return _MAGNIFICENT if request.method in {"GET", "POST"} else _not_allowed("GET")

    def answer(
        self, verdict: Verdict, submission: Submission, *, number: int, now: float
    ) -> SimulatedAnswer:
        """See :meth:`smsp.simulator.wire.Wire.answer`."""
        match verdict:
            case Verdict.ACCEPTED:
                return _queued(f"<{_stamp(now)}.{number:016x}@{self.domain}>")
            case Verdict.BAD_RECIPIENT:
                return _invalid_address("to")
            case Verdict.SENDER_NOT_ALLOWED:
                return self._may_not_send(403, _UNVERIFIED)
            case Verdict.THROTTLED:
                pause = f"recipient limit exceeded, try again after {THROTTLE_S} seconds"
                return self._may_not_send(429, pause)
            case Verdict.UNAUTHORISED:
                return _FORBIDDEN
            case Verdict.NO_CREDITS:
                return self._may_not_send(402, "Payment required: the account's credit is used up.")
            case Verdict.ERROR:
                return _says(500, "Internal Server Error")
            case Verdict.BUSY:
                return _says(503, "Service Unavailable")

    def _refusal(self, request: Request, method: str, domain: str) -> SimulatedAnswer | None:
        basic = b64encode(f"api:{self.api_key}".encode()).decode()
        if request.method != method:
            return _not_allowed(method)
        if request.headers.get("authorization") != f"Basic {basic}":
            return _FORBIDDEN
        if unquote(domain).lower() != self.domain.lower():
            return _says(404, f"Domain not found: {unquote(domain)}")
        return None

    def _may_not_send(self, status: int, why: str) -> SimulatedAnswer:
        return _says(status, f"Domain {self.domain} is not allowed to send: {why}")


def _message(request: Request) -> Submission | SimulatedAnswer:
    if len(request.body) > MESSAGE_BYTES_MAX:
        return _says(413, "Request Entity Too Large")
    fields = parse_form(request.headers.get("content-type", ""), request.body)
    if fields is None:
        return _says(400, "Bad Request: not a form")
    return _fault_in(fields) or Submission(
        smsp_id=next(_texts(fields, "v:smsp-id"), None),
        recipients=tuple(_addresses(fields, "to", "cc", "bcc")),
        subject=next(_texts(fields, "subject"), ""),
        test=next(_texts(fields, "o:testmode"), "no") in {"yes", "true"},
    )


def _fault_in(fields: tuple[Field, ...]) -> SimulatedAnswer | None:
    for name in ("from", "to"):
        if not any(_texts(fields, name)):
            return _says(400, f"{name} parameter is missing")
    for name in ("from", "to", "cc", "bcc"):
        if not all(map(looks_like_address, _addresses(fields, name))):
            return _invalid_address(name)
    if len(tuple(_addresses(fields, "to", "cc", "bcc"))) > RECIPIENTS_MAX:
        return _says(400, f"Too many recipients. Max {RECIPIENTS_MAX}")
    if not any(_texts(fields, *_BODY_FIELDS)):
        return _says(400, "Need at least one of 'text' or 'html' parameters specified")
    options = (f for f in fields if f.name.startswith(_OPTION_PREFIXES))
    if sum(len(option.name) + len(option.content) for option in options) > OPTION_BYTES_MAX:
        return _says(400, _OPTIONS_TOO_LONG)
    return None


def _texts(fields: Iterable[Field], *names: str) -> Iterator[str]:
    return (f.text for f in fields if f.name in names and f.filename is None)


def _addresses(fields: Iterable[Field], *names: str) -> Iterator[str]:
    return (address for _, address in getaddresses(list(_texts(fields, *names))))


def _queued(message_id: str) -> SimulatedAnswer:
    return json_answer(200, {"id": message_id, "message": "Queued. Thank you."})


def _invalid_address(name: str) -> SimulatedAnswer:
    return _says(400, f"'{name}' parameter is not a valid address. please check documentation")


def _not_allowed(method: str) -> SimulatedAnswer:
    return json_answer(405, {"message": "Method Not Allowed"}, ("Allow", method))


def _says(status: int, message: str) -> SimulatedAnswer:
    return json_answer(status, {"message": message})


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")


def _queue() -> dict[str, object]:
    return {"is_disabled": False, "disabled": {"until": "", "reason": ""}}


_QUEUES = json_answer(200, {"regular": _queue(), "scheduled": _queue()})
