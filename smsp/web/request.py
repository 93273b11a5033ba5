"""A request as our handlers see it: Quart's, and what we know of it besides.

Owns how a header is looked up. werkzeug's way goes through all headers each time, and raises
inside for each that is not there; a send costs a dozen look-ups, most of them for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from quart import request
from quart_trio.wrappers.request import TrioRequest
from werkzeug.datastructures import Headers, ImmutableMultiDict, MultiDict

from smsp.web.body import PulledBody
from smsp.web.caller import Caller

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, HTTPScope

    from smsp.keys import Key

NOWHERE = "*"
"""The path of a request that names none (``GET ?``): nothing is there."""

_NO_ARGUMENTS: MultiDict[str, str] = ImmutableMultiDict()


class ApiRequest(TrioRequest):
    """One request.

    What is learned on the way is kept here: ``arrived_at`` on the run's clock, the ``request_key``
    that ties its log lines together, whose ``key`` it shows, and what its last log line is ``told``
    beside the usual.
    """

    body: PulledBody
    body_class = PulledBody
    lock_class = object  # type: ignore[assignment] # for parsing forms, of which there are none
    key: Key

    def __init__(
        self,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        *,
        body_bytes_max: int,
        arrived_at: float,
    ) -> None:
        self._fields = _first_of_each(scope["headers"])
        super().__init__(
            scope["method"],
            scope["scheme"],
            _path(scope["path"]),
            scope["query_string"],
            Headers(),
            scope["root_path"],
            scope["http_version"],
            scope,
            max_content_length=body_bytes_max,
            send_push_promise=_no_push,
        )
        client = scope.get("client")
        self.remote_addr = client[0] if client else "<local>"
        self.body.caller = Caller(scope.get("extensions") or {}, receive)
        self.arrived_at = arrived_at
        self.request_key = ""
        self.told: dict[str, object] = {}

    def field(self, name: bytes) -> str | None:
        """A header by its name in lower case; the first, if there are several."""
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def media_type(self) -> str:
        """What ``Content-Type`` says, without parameters and in lower case."""
        return (self.field(b"content-type") or "").partition(";")[0].strip().lower()

    # -- what Quart has, too, but in a dearer way

    @property
    def content_length(self) -> int | None:
        """The length of the body, if that was said."""
        text = self._fields.get(b"content-length", b"")
        return int(text) if text.isdigit() and b"transfer-encoding" not in self._fields else None

    @property
    def args(self) -> MultiDict[str, str]:
        """The parameters of the query."""
        return super().args if self.query_string else _NO_ARGUMENTS

    @property
    def headers(self) -> Headers:
        """All headers, in their order, as Quart shows them."""
        fields = self.scope["headers"]
        return Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
        )

    @headers.setter
    def headers(self, _given: Headers) -> None:
        """They are in the scope; whoever constructs a request has to say something."""


def current_request() -> ApiRequest:
    """The request at hand."""
    found = request._get_current_object()  # type: ignore[attr-defined] # it is a proxy
    assert isinstance(found, ApiRequest)
    return found


def _first_of_each(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields.setdefault(name, value)
    return fields


def _path(path: str) -> str:
    """Also of a target in absolute form (RFC 9112, section 3.2.2), where a server hands that over.
    Nothing is decoded here, so nothing in it can be wrong."""
    if path[:1] == "/":
        return path
    _, absolute, rest = path.partition("://")
    _, slash, path_there = rest.partition("/")
    return slash + path_there or (NOWHERE if absolute else path or NOWHERE)


async def _no_push(_path: str, _headers: Headers) -> None:
    """HTTP/1.1 has no server push."""
