"""Outcomes, faults and snapshots as status, headers and JSON. The words here are the contract."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Literal

import orjson
import trio
from quart import Response

from actors import Snapshot, State, Transition
from smsp.mail.dispatched import RETRY_AFTER_S_MAX, Attempt, Dispatched, Route, Skipped
from smsp.mail.outcome import (
    AttemptRefused,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Sent,
    reason_of,
    word,
)
from smsp.mail.parsing import InvalidJson, InvalidMessage
from smsp.sending.ledger import Record
from smsp.telemetry.latency import Quantiles
from smsp.web.services import Services

JSON = "application/json"
DETAIL_CHARACTERS_MAX = 200
FIRST_CALL_S = 1

ErrorCode = Literal[
    # the request
    "bad_request",
    "key_in_url",
    "unauthorised",
    "forbidden",
    "forbidden_from",
    "too_many_requests",
    "not_found",
    "method_not_allowed",
    "body_timeout",
    "too_large",
    "unsupported_media_type",
    "invalid_deadline",
    "invalid_idempotency_key",
    "invalid_order",
    "invalid_json",
    "invalid_message",
    # the key's earlier use
    "idempotency_mismatch",
    "in_progress",
    # the message
    "rejected",
    "no_provider",
    "not_sent",
    "unknown",
    # this node
    "busy",
    "draining",
    "internal",
]
"""The stable word in every error, for programs. The OpenAPI document lists these."""

_STATUSES = MappingProxyType(
    {
        "sent": HTTPStatus.OK,
        "rejected": HTTPStatus.UNPROCESSABLE_ENTITY,
        "not_sent": HTTPStatus.SERVICE_UNAVAILABLE,
        "unknown": HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_MESSAGES = MappingProxyType(
    {
        "rejected": "The message was refused.",
        "not_sent": "The message was not sent. It is safe to try again.",
        "unknown": "The message may or may not have been sent. Trying again may send it twice.",
        "no_provider": "No provider can take mail now. The message was not sent.",
        "cannot_carry": "No provider can carry this message.",
    }
)


def json_reply(
    body: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Any answer."""
    response = Response(orjson.dumps(body), status=status, content_type=JSON)
    response.headers.update(headers or {})
    return response


def error_reply(
    status: int,
    code: ErrorCode,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """An error: a sentence for people, a stable word for programs."""
    return json_reply({"message": message, "code": code, **more}, status, headers)


def busy_reply(code: ErrorCode, message: str) -> Response:
    """503 to a caller who should come back soon: nothing of the message was read."""
    return error_reply(
        HTTPStatus.SERVICE_UNAVAILABLE, code, message, headers={"Retry-After": str(FIRST_CALL_S)}
    )


def stopping_reply(consequence: str = "") -> Response:
    """503 to a caller who should turn to another node, and what did not happen for that."""
    return busy_reply("draining", f"This node is stopping.{consequence}")


def too_many_reply(message: str, wait_s: float) -> Response:
    """429 to a caller who comes too often, and after how many seconds it may come again."""
    return error_reply(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        message,
        headers={"Retry-After": str(min(RETRY_AFTER_S_MAX, ceil(wait_s)))},
    )


def invalid_reply(fault: InvalidJson | InvalidMessage) -> Response:
    """400 for what is no JSON, 422 for what is no message; the first fault's field by name."""
    if isinstance(fault, InvalidJson):
        return error_reply(HTTPStatus.BAD_REQUEST, "invalid_json", fault.message)
    first = fault.faults[0]
    return error_reply(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_message",
        f"{first.field}: {first.message}" if first.field else first.message,
        field=first.field,
        faults=[{"field": one.field, "message": one.message} for one in fault.faults],
    )


def dispatched_reply(done: Dispatched) -> Response:
    """What became of a message."""
    attempts = _attempts(done)
    common: dict[str, object] = {"id": str(done.id), "outcome": done.outcome, "attempts": attempts}
    if done.sent is not None:
        return json_reply(common | _taken(*done.sent))
    assert done.outcome != "sent"
    code = _code(done.outcome, tried=done.tried)
    headers = {"Retry-After": str(done.retry_after_s)} if done.retry_after_s else None
    return error_reply(
        _STATUSES[done.outcome], code, _message(done, code), headers=headers, **common
    )


def replayed_reply(record: Record) -> Response:
    """The answer that a message had before, as far as its truth is known now."""
    assert record.answer is not None
    response = dispatched_reply(record.answer)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def record_reply(record: Record) -> Response:
    """How a message ended, or that it has not."""
    body: dict[str, object] = {"id": str(record.claim.id), "settled": record.over}
    done = record.answer
    if done is None:
        return json_reply({**body, "outcome": "in_progress", "attempts": []})
    body |= {"outcome": done.outcome, "attempts": _attempts(done)}
    if done.sent is not None:
        body |= _taken(*done.sent)
    return json_reply(body)


def route_reply(route: Route) -> Response:
    """What would be done with a message."""
    skipped = [{"provider": skip.provider, "reason": skip.reason} for skip in route.skipped]
    return json_reply({"valid": True, "route": list(route.names), "skipped": skipped})


def snapshot_json(snapshot: Snapshot, services: Services) -> dict[str, object]:
    """One circuit, for whoever watches: what changes with time alone as of now. Times are RFC 3339
    UTC."""
    moment = services.moment
    probe, failure = snapshot.last_probe, snapshot.last_failure
    due_at = snapshot.due_at if snapshot.state is State.OPEN else None
    return {
        "name": snapshot.name,
        "kind": services.kinds[snapshot.name],
        "state": snapshot.state,
        "reason": snapshot.reason,
        "since": moment(snapshot.since),
        "epoch": snapshot.epoch,
        "in_flight": snapshot.in_flight,
        "settling": snapshot.settling,
        "limit": snapshot.limit_at(trio.current_time()),
        "max_in_flight": snapshot.max_in_flight,
        "mailbox": {"depth": snapshot.mailbox_depth, "capacity": snapshot.mailbox_capacity},
        "next_probe_at": None if due_at is None else moment(due_at),
        "last_probe": None
        if probe is None
        else {"at": moment(probe.at), "outcome": probe.outcome, "seconds": _s(probe.seconds)},
        "last_failure": None
        if failure is None
        else {"at": moment(failure.at), "reason": failure.reason},
        "counts": {name: snapshot.counts.get(name, 0) for name in _COUNTED},
        "latency_seconds": _quantiles(latency_of(snapshot, services)),
        "restarts": snapshot.restarts,
        "alive": snapshot.alive,
        "transitions": [_transition(move, services) for move in snapshot.transitions],
    }


def latency_of(snapshot: Snapshot, services: Services) -> Quantiles | None:
    """Of the circuit's calls in the last minute, as of now."""
    return services.watching.latency.quantiles(snapshot.name, trio.current_time())


_COUNTED = ("sent", "rejected", "not_sent", "unknown", "refused")


def _quantiles(quantiles: Quantiles | None) -> dict[str, float | None]:
    if quantiles is None:
        return {"p50": None, "p90": None, "p99": None}
    return {"p50": _s(quantiles.p50), "p90": _s(quantiles.p90), "p99": _s(quantiles.p99)}


def _transition(move: Transition, services: Services) -> dict[str, object]:
    return {
        "at": services.moment(move.at),
        "from": move.source,
        "to": move.target,
        "reason": move.reason,
    }


def _taken(provider: str, answer: Sent) -> dict[str, object]:
    """Who has taken the message, and for whom not."""
    return {"provider": provider, "messageid": answer.message_id, **_refused(answer.refused)}


def _refused(refused: RefusedRecipients | None) -> dict[str, object]:
    """A list is of those who are named, and ``[]`` means that nobody was refused.

    So without any names it is ``null``. The count is there whenever the list is not all.
    """
    if refused is None:
        return {"refusedrecipients": None}
    rows = [_recipient(one) for one in refused.listed]
    if not refused.unlisted:
        return {"refusedrecipients": rows}
    return {"refusedrecipients": rows or None, "refusedrecipientscount": refused.count}


def _recipient(one: RefusedRecipient) -> dict[str, object]:
    row: dict[str, object] = {"address": one.address, "reason": one.reason}
    return row | {"detail": one.detail[:DETAIL_CHARACTERS_MAX]} if one.detail else row


def _attempts(done: Dispatched) -> list[dict[str, object]]:
    skipped = [_skipped(skip) for skip in _unable(done.route)]
    return skipped + [_attempt(attempt) for attempt in done.attempts]


def _attempt(attempt: Attempt) -> dict[str, object]:
    result = attempt.result
    row: dict[str, object] = {
        "provider": attempt.provider,
        "outcome": word(result),
        "reason": reason_of(result),
        "seconds": _s(attempt.seconds),
    }
    if not isinstance(result, Sent | AttemptRefused) and result.detail:
        row["detail"] = result.detail[:DETAIL_CHARACTERS_MAX]
    return row


def _unable(route: Route) -> list[Skipped]:
    """Those that cannot carry the message; not those that the caller's own pin left out."""
    return [skip for skip in route.skipped if skip.reason is not Reason.NOT_PINNED]


def _skipped(skip: Skipped) -> dict[str, object]:
    return {
        "provider": skip.provider,
        "outcome": "refused",
        "reason": skip.reason,
        "seconds": 0.0,
    }


def _code(outcome: Literal["rejected", "not_sent", "unknown"], *, tried: bool) -> ErrorCode:
    return "no_provider" if outcome == "not_sent" and not tried else outcome


def _message(done: Dispatched, code: str) -> str:
    if not done.route.names:
        limits = ", ".join(f"{skip.provider}: {skip.reason}" for skip in _unable(done.route))
        return f"{_MESSAGES['cannot_carry']} ({limits})"
    return _MESSAGES[code]


def _s(seconds: float) -> float:
    return round(seconds, 3)
