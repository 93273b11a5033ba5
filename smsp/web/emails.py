"""``POST /email``: bytes in, one message's outcome out.

The order of the checks is part of the contract: key, scope, size, type, JSON, message. The body
is not read before the key is known.
"""

from __future__ import annotations

from http import HTTPStatus
from math import isfinite

import trio
from quart import Blueprint, Request, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from smsp.mail import Mail, Send
from smsp.message import Fault, InvalidMessage, parse
from smsp.web.auth import Scope
from smsp.web.gate import needs
from smsp.web.replies import (
    busy_reply,
    dispatched_reply,
    error_reply,
    invalid_reply,
    route_reply,
)
from smsp.web.services import Services

DEADLINE_S_MIN, DEADLINE_S_MAX = 0.05, 300.0
"""What ``SMSP-Deadline`` may be, in seconds. Who sends none is taken to wait for the longest:
each phase of each call has its own, much shorter time anyway."""


def emails(services: Services) -> Blueprint:
    """The route, over these services."""
    blueprint = Blueprint("emails", __name__)

    @blueprint.post("/email")
    @needs(services, Scope.SEND)
    async def send_email() -> Response:
        arrived_at = trio.current_time()
        refusal = _refusal_of_head(services, request)
        if refusal is not None:
            return refusal
        patience_s = _patience_s(request)
        if patience_s is None:
            return _bad_deadline()
        size = services.max_body_bytes if request.content_length is None else request.content_length
        with services.body_budget.reserved(size) as granted:
            if not granted:
                return busy_reply("busy", "Too many messages are being read. Try again soon.")
            body = await request.get_data(cache=True, as_text=False, parse_form_data=False)
            mail = parse(body, control_headers=services.control_headers)
            if not isinstance(mail, Mail):
                return invalid_reply(mail)
            return await _answer(services, mail, arrived_at + patience_s)

    return blueprint


async def _answer(services: Services, mail: Mail, deadline: float) -> Response:
    if mail.provider is not None and mail.provider not in services.mailroom.names:
        return invalid_reply(InvalidMessage((Fault("provider", "there is no such provider"),)))
    if request.args.get("dryrun") == "true":
        return route_reply(services.mailroom.route(mail))
    send = Send(services.new_id(), mail, g.request_key)
    # A send that has begun is not forgotten half-way, whoever hangs up. The deadline bounds it.
    with trio.CancelScope(shield=True):
        done = await services.mailroom.dispatch(send, deadline=deadline)
    g.told = {"id": str(done.id), "outcome": done.outcome}
    return dispatched_reply(done)


def _refusal_of_head(services: Services, asked: Request) -> Response | None:
    if services.readiness.draining:
        return busy_reply("draining", "This node is stopping. The message was not sent.")
    if asked.content_length is not None and asked.content_length > services.max_body_bytes:
        raise RequestEntityTooLarge
    if asked.mimetype != "application/json":
        return error_reply(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The content type must be application/json.",
        )
    if asked.args.get("dryrun", "false") not in ("true", "false"):
        # What may be meant as a dry run must not be sent.
        return error_reply(
            HTTPStatus.BAD_REQUEST, "bad_request", "dryrun is true or false.", field="dryrun"
        )
    return None


def _patience_s(asked: Request) -> float | None:
    text = asked.headers.get("SMSP-Deadline")
    if text is None:
        return DEADLINE_S_MAX
    try:
        seconds = float(text)
    except ValueError:
        return None
    in_range = isfinite(seconds) and DEADLINE_S_MIN <= seconds <= DEADLINE_S_MAX
    return seconds if in_range else None


def _bad_deadline() -> Response:
    return error_reply(
        HTTPStatus.BAD_REQUEST,
        "invalid_deadline",
        f"SMSP-Deadline must be a number of seconds from {DEADLINE_S_MIN} to {DEADLINE_S_MAX:g}.",
        field="SMSP-Deadline",
    )
