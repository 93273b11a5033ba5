"""The Quart application: its routes, and what every answer has in common.

Every answer carries ``RequestKey``; every error is JSON; nothing outside knows of Quart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import ParamSpec, TypeVar
from uuid import uuid4

import trio
from quart import Request, Response, g
from quart.ctx import RequestContext
from quart.globals import request_ctx
from quart.typing import ResponseTypes
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from smsp.telemetry import described
from smsp.web.circuits import circuits
from smsp.web.connection import LeanConnection, PulledRequest
from smsp.web.cors import share
from smsp.web.dashboard import dashboard
from smsp.web.docs import docs
from smsp.web.emails import emails
from smsp.web.events import events
from smsp.web.health import health
from smsp.web.metrics import metrics
from smsp.web.orders import orders
from smsp.web.replies import ErrorCode, error_reply
from smsp.web.services import Services

REQUEST_KEY_CHARACTERS_MAX = 128

_QUIET = frozenset({"/healthcheck", "/livez", "/readyz"})
_CODES: Mapping[HTTPStatus, tuple[ErrorCode, str]] = MappingProxyType(
    {
        HTTPStatus.NOT_FOUND: ("not_found", "There is nothing here."),
        HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "This route has other methods."),
        HTTPStatus.REQUEST_TIMEOUT: ("body_timeout", "The body took too long to come."),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "The body is too large."),
        HTTPStatus.INTERNAL_SERVER_ERROR: ("internal", "SMSP failed to handle this request."),
    }
)

P = ParamSpec("P")
T = TypeVar("T")


class App(QuartTrio):
    """Quart on trio, with requests that run in their connection's own task."""

    asgi_http_class = LeanConnection
    request_class = PulledRequest

    arrive: Callable[[Request], Response | None]
    depart: Callable[[Request, Response], None]

    def ensure_async(self, func: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The function itself: everything here is async, and nothing runs in a thread."""
        return func

    # These are all the hooks there are. Looking for others, for those of blueprints, for a session
    # and for listeners to signals costs as much as all of ours do.

    async def preprocess_request(
        self, request_context: RequestContext | None = None
    ) -> Response | None:
        """Before the handler; an answer is the answer."""
        return self.arrive((request_context or request_ctx).request)

    async def process_response(
        self, response: ResponseTypes, request_context: RequestContext | None = None
    ) -> Response:
        """After it."""
        assert isinstance(response, Response)
        self.depart((request_context or request_ctx).request, response)
        return response

    async def do_teardown_request(
        self, exc: BaseException | None, request_context: RequestContext | None = None
    ) -> None:
        """There is nothing to tear down."""


def create_app(services: Services) -> App:
    """The whole HTTP face, over these services."""
    app = App("smsp", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = services.max_body_bytes
    app.config["BODY_TIMEOUT"] = None  # the body itself keeps the time
    app.url_map.strict_slashes = False  # no redirects: a client may follow one without its body,
    app.url_map.merge_slashes = False  # and they are no JSON
    app.url_map.merge_slashes = False  # else two slashes are answered with a redirect, in HTML
    for blueprint in (emails, circuits, events, orders, metrics, health, docs):
        app.register_blueprint(blueprint(services))
    app.register_blueprint(dashboard())
    app.arrive = _arrive(services)
    app.depart = _depart(services)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug(services))
    return app


def _arrive(services: Services) -> Callable[[Request], Response | None]:
    def arrive(asked: Request) -> Response | None:
        g.arrived_at = trio.current_time()
        g.request_key = _request_key(asked)
        g.told = {}
        if services.keyring.in_url(asked.path, asked.args.items(multi=True)):
            return error_reply(
                HTTPStatus.BAD_REQUEST,
                "key_in_url",
                "A key belongs in the header X-API-KEY, never in the URL. Replace this key.",
            )
        return None

    return arrive


def _depart(services: Services) -> Callable[[Request, Response], None]:
    def depart(asked: Request, response: Response) -> None:
        key = response.headers["RequestKey"] = g.request_key
        share(asked, response, services.cors_origins)
        if services.readiness.draining:
            response.headers["Connection"] = "close"
        rule = None if asked.url_rule is None else asked.url_rule.rule
        seconds = trio.current_time() - g.arrived_at
        services.metrics.request(rule, asked.method, response.status_code, seconds)
        tell = services.log.debug if asked.path in _QUIET else services.log.info
        tell(
            "request.handled",
            requestkey=key,
            method=asked.method,
            route=rule,
            status=response.status_code,
            seconds=round(seconds, 3),
            **g.told,
        )

    return depart


def _request_key(asked: Request) -> str:
    for name in ("RequestKey", "X-Request-ID"):
        text = asked.headers.get(name, "")
        if 0 < len(text) <= REQUEST_KEY_CHARACTERS_MAX and _is_token(text):
            return text
    return str(uuid4())


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


async def _http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code, message = _CODES.get(
        HTTPStatus(status), ("bad_request", "The request could not be understood.")
    )
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return error_reply(status, code, message, headers=headers)


def _bug(services: Services) -> Callable[[Exception], Awaitable[Response]]:
    # The HTTP edge: a bug costs one request, is reported, and shows nothing of itself.
    async def bug(error: Exception) -> Response:
        services.log.error("request.failed", requestkey=g.request_key, **described(error))
        return error_reply(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "SMSP failed to handle this request."
        )

    return bug
