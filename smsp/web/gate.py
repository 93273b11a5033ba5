"""The check before a handler runs: a key, and what it allows. The body is still unread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus

from quart import Response, g, request

from smsp.web.auth import Key, Scope
from smsp.web.replies import error_reply
from smsp.web.services import Services

Handler = Callable[..., Awaitable[Response]]


def needs(services: Services, scope: Scope) -> Callable[[Handler], Handler]:
    """Only callers whose key has this scope come in."""

    def guard(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(**arguments: str) -> Response:
            key = presented_key(services)
            if key is None:
                # The route, not the path: that may hold what its caller takes for a key.
                services.log.warning(
                    "request.unauthorised", requestkey=g.request_key, route=str(request.url_rule)
                )
                return error_reply(
                    HTTPStatus.UNAUTHORIZED,
                    "unauthorised",
                    "Unauthorised",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if scope not in key.scopes:
                return error_reply(
                    HTTPStatus.FORBIDDEN, "forbidden", f"This key does not have the scope {scope}."
                )
            g.key = key
            return await handler(**arguments)

        return guarded

    return guard


def presented_key(services: Services) -> Key | None:
    """The key that the request at hand shows, if it is a known one."""
    headers = request.headers
    return services.keyring.caller(headers.get("X-API-KEY"), headers.get("Authorization"))
