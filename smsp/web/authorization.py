"""The check before a handler runs: a key, and what it allows. The body is still unread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus

import trio
from quart import Response

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
            key = presented_key(services, request)
            if key is None:
                return _unauthorised(services, request)
            request.told["key"] = key.name
            if scope not in key.scopes:
                return error_reply(
                    HTTPStatus.FORBIDDEN, "forbidden", f"This key does not have the scope {scope}."
                )
            request.key = key
            return await handler(**arguments)

        return guarded

    return guard


def presented_key(services: Services, request: ApiRequest) -> Key | None:
    """The key that the request shows, if it is a known one."""
    return services.keyring.caller(request.field(b"x-api-key"), request.field(b"authorization"))


def client_address(services: Services, request: ApiRequest) -> str:
    """Where the request comes from, behind proxies of ours."""
    forwarded = request.headers.getlist("X-Forwarded-For")
    return client_of(request.remote_addr, forwarded, services.trusted_proxies)


def _unauthorised(services: Services, request: ApiRequest) -> Response:
    """401; 429 to an address that has shown too many wrong keys. A right one never gets here."""
    client = client_address(services, request)
    wait_s = services.failures.failed(client, trio.current_time())
    if wait_s:
        return too_many_reply("Too many wrong keys have come from this address.", wait_s)
    # The route, not the path: that may hold what its caller takes for a key.
    services.log.warning(
        "request.unauthorised",
        requestkey=request.request_key,
        route=str(request.url_rule),
        client=client,
    )
    return error_reply(
        HTTPStatus.UNAUTHORIZED,
        "unauthorised",
        "Unauthorised",
        headers={"WWW-Authenticate": "Bearer"},
    )
