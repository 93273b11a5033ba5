"""What admission refuses, in HTTP's words; and the check before a handler runs: a key, and what
it allows. The body is still unread then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus

import trio
from quart import Response

from smsp.admission.checks import (
    ForeignSender,
    MissingScope,
    NotAdmitted,
    TooManyMessages,
    TooManyWrongKeys,
    UnknownKey,
)
from smsp.keys import Key, Scope
from smsp.web.client_address import client_of
from smsp.web.replies import error_reply, too_many_reply
from smsp.web.request import ApiRequest, current_request
from smsp.web.services import Services

Handler = Callable[..., Awaitable[Response]]


def needs(services: Services, scope: Scope) -> Callable[[Handler], Handler]:
    """Only callers whose key has this scope come in."""

    def guard(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(**arguments: str) -> Response:
            request = current_request()
            found = services.admission.enter(presented_key(services, request), scope)
            match found:
                case Key():
                    request.told["key"] = found.name
                    request.key = found
                    return await handler(**arguments)
                case MissingScope():
                    request.told["key"] = found.key.name
                    return refused_reply(found)
                case UnknownKey():
                    return _unauthorised(services, request)

        return guarded

    return guard


def presented_key(services: Services, request: ApiRequest) -> Key | None:
    """The key that the request shows, if it is a known one."""
    return services.keyring.caller(request.field(b"x-api-key"), request.field(b"authorization"))


def refused_reply(refusal: NotAdmitted) -> Response:
    """Why somebody is not admitted."""
    match refusal:
        case UnknownKey():
            return error_reply(
                HTTPStatus.UNAUTHORIZED,
                "unauthorised",
                "Unauthorised",
                headers={"WWW-Authenticate": "Bearer"},
            )
        case TooManyWrongKeys(wait_s=wait_s):
            return too_many_reply("Too many wrong keys have come from this address.", wait_s)
        case MissingScope(scope=scope):
            message = f"This key does not have the scope {scope}."
            return error_reply(HTTPStatus.FORBIDDEN, "forbidden", message)
        case TooManyMessages(wait_s=wait_s):
            message = "This key has sent too many messages in too short a time."
            return too_many_reply(message, wait_s)
        case ForeignSender():
            return error_reply(
                HTTPStatus.FORBIDDEN,
                "forbidden_from",
                "This key may not send from the domain of fromaddress.",
                field="fromaddress",
            )


def client_address(services: Services, request: ApiRequest) -> str:
    """Where the request comes from, behind proxies of ours."""
    forwarded = request.headers.getlist("X-Forwarded-For")
    return client_of(request.remote_addr, forwarded, services.trusted_proxies)


def _unauthorised(services: Services, request: ApiRequest) -> Response:
    """401; 429 to an address that has shown too many wrong keys. A right one never gets here."""
    client = client_address(services, request)
    refusal = services.admission.fail(client, trio.current_time())
    if isinstance(refusal, UnknownKey):
        # The route, not the path: that may hold what its caller takes for a key.
        services.log.warning(
            "request.unauthorised",
            requestkey=request.request_key,
            route=str(request.url_rule),
            client=client,
        )
    return refused_reply(refusal)
