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
from quart import Quart, Request, Response
from quart.sessions import NullSession, SessionInterface
from quart.wrappers import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter

from smsp.telemetry.log import described
from smsp.web.asgi import AsgiConnection
from smsp.web.body import Stopping
from smsp.web.circuits import circuits
from smsp.web.cors import share
from smsp.web.dashboard import dashboard
from smsp.web.docs import docs
from smsp.web.emails import emails
from smsp.web.events import events
from smsp.web.health import health
from smsp.web.intake import Intake
from smsp.web.metrics import metrics
from smsp.web.replies import ErrorCode, error_reply, stopping_reply
from smsp.web.request import ApiRequest
from smsp.web.services import Services
from smsp.web.urls import PARAMETERS_MAX, wrong_with_url

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


class NoSessions(SessionInterface):
    """Nobody is remembered from one request to the next."""

    _none = NullSession()

    async def open_session(self, _app: Quart, _request: BaseRequestWebsocket) -> NullSession:
        """The same for all; nothing can be put into it."""
        return self._none


class App(QuartTrio):
    """Quart on trio, with requests that run in their connection's own task.

    Quart finds the handler and keeps the context that it runs in. What happens around a handler is
    ``handle_request``, whole: looking for hooks, sessions, blueprints' error handlers and listeners
    to signals, of which there are none here, costs more than all that is done.
    """

    asgi_http_class = AsgiConnection
    session_interface = NoSessions()  # type: ignore[assignment] # Quart names the class of its own

    arrive: Callable[[ApiRequest], Response | None]
    fail: Callable[[ApiRequest, Exception], Response]
    depart: Callable[[ApiRequest, Response], None]

    async def handle_request(self, request: Request) -> Response:
        """Answer a request. Raises nothing for what callers or handlers do."""
        assert isinstance(request, ApiRequest)
        async with self.request_context(request) as context:
            try:
                response = self.arrive(request) or await self.dispatch_request(context)
                assert isinstance(response, Response)
            except Exception as error:  # noqa: BLE001 - the HTTP edge: a bug costs one request
                response = self.fail(request, error)
            try:
                self.depart(request, response)
            except Exception as error:  # noqa: BLE001 - the answer stands: a mail may be sent
                self.fail(request, error)
            return response

    def ensure_async(self, func: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The function itself: everything here is async, and nothing runs in a thread."""
        return func

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """What matches a request: by its path and method alone, whatever host it names."""
        if request is None:
            return None
        scheme, path = request.scheme, request.path
        return MapAdapter(self.url_map, "", "", "", scheme, path, request.method)

    async def do_teardown_request(self, *_arguments: object) -> None:
        """There is nothing to tear down."""

    async def do_teardown_appcontext(self, *_arguments: object) -> None:
        """Nor here."""


def create_app(services: Services) -> App:
    """The whole HTTP face, over these services."""
    app = App("smsp", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = services.max_body_bytes
    # No redirects: they are HTML, and a client may follow one without its body.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for blueprint in (emails, circuits, events, metrics, health, docs):
        app.register_blueprint(blueprint(services))
    app.register_blueprint(dashboard())
    app.arrive = _arrive(services.intake)
    app.fail = _fail(services)
    app.depart = _depart(services)
    return app


def _arrive(intake: Intake) -> Callable[[ApiRequest], Response | None]:
    def arrive(asked: ApiRequest) -> Response | None:
        asked.request_key = _request_key(asked)
        asked.body.intake = intake
        return _refused_for_its_url(asked)

    return arrive


def _refused_for_its_url(asked: ApiRequest) -> Response | None:
    match wrong_with_url(asked.scope.get("raw_path", b""), asked.query_string):
        case None:
            return None
        case "key":
            code: ErrorCode = "key_in_url"
            message = "A key belongs in the header X-API-KEY, never in the URL. Replace this key."
        case "parameters":
            code, message = "bad_request", f"A URL has at most {PARAMETERS_MAX} parameters."
    return error_reply(HTTPStatus.BAD_REQUEST, code, message)


def _depart(services: Services) -> Callable[[ApiRequest, Response], None]:
    def depart(asked: ApiRequest, response: Response) -> None:
        response.headers.add("RequestKey", asked.request_key)
        share(asked, response, services.cors_origins)
        if services.readiness.draining:
            response.headers["Connection"] = "close"
        rule = None if asked.url_rule is None else asked.url_rule.rule
        seconds = trio.current_time() - asked.arrived_at
        services.metrics.request(rule, asked.method, response.status_code, seconds)
        tell = services.log.debug if asked.path in _QUIET else services.log.info
        tell(
            "request.handled",
            requestkey=asked.request_key,
            method=asked.method,
            route=rule,
            status=response.status_code,
            seconds=round(seconds, 3),
            **asked.told,
        )

    return depart


def _request_key(asked: ApiRequest) -> str:
    for name in (b"requestkey", b"x-request-id"):
        text = asked.field(name) or ""
        if 0 < len(text) <= REQUEST_KEY_CHARACTERS_MAX and _is_token(text):
            return text
    return str(uuid4())


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _fail(services: Services) -> Callable[[ApiRequest, Exception], Response]:
    # The HTTP edge: a bug costs one request, is reported, and shows nothing of itself.
    def fail(asked: ApiRequest, error: Exception) -> Response:
        if isinstance(error, Stopping):
            return stopping_reply()
        if isinstance(error, HTTPException):
            return _http_error(error)
        services.log.error("request.failed", requestkey=asked.request_key, **described(error))
        return error_reply(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "SMSP failed to handle this request."
        )

    return fail


def _http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code, message = _CODES.get(
        HTTPStatus(status), ("bad_request", "The request could not be understood.")
    )
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return error_reply(status, code, message, headers=headers)
