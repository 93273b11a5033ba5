"""For callers: send messages through a running SMSP, from synchronous code or from trio.

::

    from smsp.client import Client, NotSent, Rejected, Sent, Unknown

    with Client("http://127.0.0.1:8080", key) as smsp:
        match smsp.send(message, idempotency_key=order_id, retries=3):
            case Sent(provider=provider): ...
            case Rejected(message=why): ...      # change the message
            case NotSent(): ...                  # safe to try again, here or elsewhere
            case Unknown(): ...                  # may have been sent

Only ``not_sent`` is ever tried again, after the time that SMSP names. With an idempotency key an
``unknown`` may be asked again by calling ``send`` once more: the same node will not send it twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx
import trio

TIMEOUT_S = 310.0
"""A little more than the longest ``SMSP-Deadline``: it is the server who says that time is up."""
RETRY_AFTER_S_DEFAULT = 1.0

_NOT_READ = frozenset({"busy", "draining", "too_many_requests"})

Message = Mapping[str, object]
"""A message as ``POST /email`` takes it: ``fromaddress``, ``toaddress``, ``subject`` ..."""


Answer = Mapping[str, object]
"""SMSP's whole answer, its attempts included; empty when none came."""


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """Somebody who will not get the message; ``reason`` is one of SMSP's words, ``detail`` the
    provider's own, if it had any."""

    address: str
    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A provider has taken the message; ``messageid`` is its own id for it, if it gave one.

    ``refusedrecipients`` are those who will not get it: at most 100, ``()`` if there are none,
    ``None`` if the provider names nobody. ``refusedrecipientscount`` is how many there are, as far
    as the provider says.
    """

    id: str
    provider: str
    messageid: str | None
    answer: Answer
    refusedrecipients: tuple[RefusedRecipient, ...] | None = None
    refusedrecipientscount: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message was refused, and will be again unless it is changed."""

    id: str
    message: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven: it was not sent. ``retry_after_s`` is when it may be tried again, in seconds."""

    message: str
    retry_after_s: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been sent."""

    message: str
    answer: Answer


Outcome = Sent | Rejected | NotSent | Unknown


class RequestRefused(Exception):
    """SMSP did not take the request: a wrong key, an invalid message. Trying again changes nothing.

    ``code`` is the stable word for programs.
    """

    def __init__(self, status: int, code: str, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = answer


class Client:
    """A connection to one SMSP, for synchronous code. ``key`` needs the scope ``send``."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"X-API-KEY": key},
            timeout=TIMEOUT_S,
            trust_env=False,
            transport=transport,
        )

    def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
        retries: int = 0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> Outcome:
        """What became of the message. ``not_sent`` is tried again up to ``retries`` times, each
        time after the wait that SMSP asks for; ``deadline_s`` is the patience with each try.

        Raises :class:`RequestRefused`.
        """
        request = self._http.build_request(
            "POST", "/email", json=message, headers=_headers(idempotency_key, deadline_s)
        )
        for tries_left in range(retries, -1, -1):
            try:
                outcome = _outcome(self._http.send(request))
            except httpx.TransportError as error:
                outcome = _lost(error)
            if not isinstance(outcome, NotSent) or tries_left == 0:
                break
            sleep(outcome.retry_after_s)
        return outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class TrioClient:
    """The same under trio. Whoever cancels ``send`` does not know what became of the message."""

    def __init__(
        self, url: str, key: str, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"X-API-KEY": key},
            timeout=TIMEOUT_S,
            trust_env=False,
            transport=transport,
        )

    async def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
        retries: int = 0,
    ) -> Outcome:
        """See :meth:`Client.send`."""
        request = self._http.build_request(
            "POST", "/email", json=message, headers=_headers(idempotency_key, deadline_s)
        )
        for tries_left in range(retries, -1, -1):
            try:
                outcome = _outcome(await self._http.send(request))
            except httpx.TransportError as error:
                outcome = _lost(error)
            if not isinstance(outcome, NotSent) or tries_left == 0:
                break
            await trio.sleep(outcome.retry_after_s)
        return outcome

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _headers(idempotency_key: str | None, deadline_s: float | None) -> dict[str, str]:
    headers = {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    if deadline_s is not None:
        headers["SMSP-Deadline"] = f"{deadline_s:g}"
    return headers


def _outcome(response: httpx.Response) -> Outcome:
    answer = _object(response)
    message, id = _text(answer, "message") or "", _text(answer, "id") or ""  # noqa: A001
    match _text(answer, "outcome"):
        case "sent":
            provider = _text(answer, "provider") or ""
            messageid, refused = _text(answer, "messageid"), _refused(answer)
            return Sent(id, provider, messageid, answer, refused, _refused_count(answer))
        case "rejected":
            return Rejected(id, message, answer)
        case "not_sent":
            return NotSent(message, _retry_after_s(response), answer)
        case "unknown":
            return Unknown(message, answer)
        case _:
            return _without_outcome(response, answer)


def _refused(answer: Answer) -> tuple[RefusedRecipient, ...] | None:
    rows = answer.get("refusedrecipients")
    if not isinstance(rows, list):
        return None
    return tuple(_recipient(row) for row in rows if isinstance(row, dict))


def _refused_count(answer: Answer) -> int:
    count = answer.get("refusedrecipientscount")
    return count if isinstance(count, int) else len(_refused(answer) or ())


def _recipient(row: Mapping[str, object]) -> RefusedRecipient:
    address, reason = _text(row, "address") or "", _text(row, "reason") or ""
    return RefusedRecipient(address, reason, _text(row, "detail"))


def _without_outcome(response: httpx.Response, answer: Answer) -> Outcome:
    code = _text(answer, "code") or "not_smsp"
    message = _text(answer, "message") or f"this is no SMSP: status {response.status_code}"
    if code in _NOT_READ:
        return NotSent(message, _retry_after_s(response), answer)
    if code == "in_progress" or response.status_code >= 500:
        # A twin is being sent, or an error page of something in front of SMSP: neither is a proof.
        return Unknown(message, answer)
    raise RequestRefused(response.status_code, code, message, answer)


def _lost(error: httpx.TransportError) -> Outcome:
    """No answer. Only a connection that was never made proves that nothing was sent."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        return NotSent(f"SMSP cannot be reached: {error}", RETRY_AFTER_S_DEFAULT, {})
    return Unknown(f"the connection to SMSP was lost: {error}", {})


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return float(response.headers.get("Retry-After", RETRY_AFTER_S_DEFAULT))
    except ValueError:
        return RETRY_AFTER_S_DEFAULT


def _object(response: httpx.Response) -> Mapping[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None
