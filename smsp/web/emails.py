"""``POST /email``: bytes in, one message's outcome out. ``GET /email/{id}``: how it ended.

The order of the checks is part of the contract: key, scope, size, type, the key's rate, the body,
JSON, message, the key's from-domains, ledger. The body is not read before it is known whose it is
and that there are not too many of them: what a message costs to read, each key can cause only as
often as it may send.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from uuid import UUID

import trio
from quart import Blueprint, Response
from werkzeug.exceptions import RequestEntityTooLarge

from smsp.admission.budget import Share
from smsp.keys import Key, Scope
from smsp.mail import Mail, Submission, fingerprint, is_large
from smsp.mail.dispatched import Dispatched
from smsp.mail.parsing import FieldError, InvalidMessage, is_quick, parse
from smsp.providers.encoding.threads import done_by
from smsp.sending.ledger import Full, InProgress, Ledger, Mismatch, Record, Replay, Taken
from smsp.web.authorization import needs, refused_reply
from smsp.web.body import NoRoom, Stopping
from smsp.web.replies import (
    busy_reply,
    dispatched_reply,
    error_reply,
    invalid_reply,
    record_reply,
    replayed_reply,
    route_reply,
    stopping_reply,
)
from smsp.web.request import ApiRequest, current_request
from smsp.web.send_options import BadOption, SendOptions, options_of
from smsp.web.services import Services

COUNTED_BYTES = 64 * 1024
"""Of a body with more it is counted what is made of it, where that is more than its bytes."""

_NOT_SENT = " The message was not sent."


def emails(services: Services) -> Blueprint:
    """The route, over these services."""
    blueprint = Blueprint("emails", __name__)

    @blueprint.post("/email")
    @needs(services, Scope.SEND)
    async def send_email() -> Response:
        request = current_request()
        options = _options(services, request)
        if isinstance(options, Response):
            return options
        too_many = services.admission.use(request.key, trio.current_time())
        if too_many is not None:
            return refused_reply(too_many)
        with services.admission.room(request.key) as share:
            mail = await _read(services, request, share)
            if isinstance(mail, Response):
                return mail
            return await _answer(services, request, mail, share, options)

    @blueprint.get("/email/<id>")
    @needs(services, Scope.SEND)
    async def show_email(id: str) -> Response:  # noqa: A002 - the contract's word
        record = _find(services.ledger, current_request().key, id)
        if record is None:
            return error_reply(HTTPStatus.NOT_FOUND, "not_found", "There is no such message.")
        return record_reply(record)

    return blueprint


def _no_room() -> Response:
    """503, and the end of the connection: the rest of the body would only be thrown away."""
    reply = busy_reply("busy", "Too many messages are being read. Try again soon.")
    reply.headers["Connection"] = "close"
    return reply


async def _read(services: Services, request: ApiRequest, share: Share) -> Mail | Response:
    """The message, or why there is none. When this returns, nobody has the body any more."""
    try:
        body = await request.body.read(share.grow)
    except NoRoom:
        return _no_room()
    except Stopping:
        return stopping_reply(_NOT_SENT)
    read = partial(parse, body, control_headers=services.control_headers)
    quick = is_quick(body)
    mail = await done_by(read, services.reading, large=not quick)
    if not isinstance(mail, Mail):
        return invalid_reply(mail)
    if quick and len(body) <= COUNTED_BYTES:
        return mail
    # Text with a character beyond the first 256 takes up to four times its bytes.
    more_bytes = mail.held_bytes - share.held_bytes
    return mail if more_bytes <= 0 or share.grow(more_bytes) else _no_room()


async def _answer(
    services: Services, request: ApiRequest, mail: Mail, share: Share, options: SendOptions
) -> Response:
    if mail.provider is not None and mail.provider not in services.dispatcher.names:
        return invalid_reply(InvalidMessage((FieldError("provider", "there is no such provider"),)))
    foreign = services.admission.sender(request.key, mail.sender.ascii_domain)
    if foreign is not None:
        return refused_reply(foreign)
    if options.dry_run:
        return route_reply(services.dispatcher.route(mail))
    key = options.idempotency_key
    submission = Submission(services.new_id(), mail, request.request_key, request.key.name, key)
    same = b"" if key is None else await _fingerprint(services, mail)
    answer = await services.dispatcher.send(
        submission, same, deadline=request.arrived_at + options.patience_s, ledger=services.ledger
    )
    if answer.settling:
        services.admission.keep(share, submission.id, answer.settling)
    if answer.refunds:
        services.admission.refund(request.key)
    if not isinstance(answer.result, Dispatched):
        return _taken(answer.result)
    services.metrics.message(answer.result.outcome)
    request.told |= {"id": str(answer.result.id), "outcome": answer.result.outcome}
    return dispatched_reply(answer.result)


async def _fingerprint(services: Services, mail: Mail) -> bytes:
    return await done_by(partial(fingerprint, mail), services.reading, large=is_large(mail))


def _taken(taken: Taken) -> Response:
    """Why a claim was not granted."""
    match taken:
        case Replay(record=record):
            return replayed_reply(record)
        case Mismatch():
            return error_reply(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "idempotency_mismatch",
                "This Idempotency-Key was used for another message.",
                field="Idempotency-Key",
            )
        case InProgress():
            return error_reply(
                HTTPStatus.CONFLICT,
                "in_progress",
                "The message with this Idempotency-Key is being sent.",
                headers={"Retry-After": "1"},
            )
        case Full():
            return busy_reply("busy", "Too many messages with a key are under way. Try again soon.")


def _find(ledger: Ledger, key: Key, message: str) -> Record | None:
    try:
        return ledger.find(UUID(message), key.name, trio.current_time())
    except ValueError:
        return None


def _options(services: Services, request: ApiRequest) -> SendOptions | Response:
    """What the head asks for, or why its body is not even read."""
    key = request.field(b"idempotency-key")
    if services.readiness.draining and not services.ledger.holds(request.key.name, key):
        # Who asks again what became of a message is told the truth to the end.
        return stopping_reply(_NOT_SENT)
    if (request.content_length or 0) > services.max_body_bytes:
        raise RequestEntityTooLarge
    if request.media_type != "application/json":
        return error_reply(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The content type must be application/json.",
        )
    options = options_of(request.scope["headers"], tuple(request.args.items(multi=True)))
    if isinstance(options, BadOption):
        return error_reply(
            HTTPStatus.BAD_REQUEST, options.code, options.message, field=options.field
        )
    return options
