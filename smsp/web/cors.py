"""Which answers a page from another origin may read (the Fetch standard's CORS protocol).

Documentation and sending are shared; watching and operating are not. Never with credentials:
a key is a header that the page itself must set.
"""

from __future__ import annotations

from collections.abc import Sequence

from quart import Response

from smsp.web.request import ApiRequest

SHARED = ("/email", "/docs", "/swagger.json", "/openapi.json")
ALLOWED_HEADERS = (
    "X-API-KEY, Authorization, Content-Type, "
    "Idempotency-Key, SMSP-Deadline, RequestKey, X-Request-ID"
)
EXPOSED_HEADERS = "RequestKey, Retry-After, Idempotency-Replayed"
PREFLIGHT_S = 600


def share(request: ApiRequest, response: Response, origins: Sequence[str]) -> None:
    """Add the headers that let a page of an allowed origin read this answer."""
    if not any(request.path == path or request.path.startswith(f"{path}/") for path in SHARED):
        return
    origin = _allowed(request.field(b"origin"), origins)
    if origins != ("*",):
        response.headers.add("Vary", "Origin")
    if origin is None:
        return
    response.headers.add("Access-Control-Allow-Origin", origin)
    response.headers.add("Access-Control-Expose-Headers", EXPOSED_HEADERS)
    if request.method == "OPTIONS":
        response.headers.add("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        response.headers.add("Access-Control-Allow-Headers", ALLOWED_HEADERS)
        response.headers.add("Access-Control-Max-Age", str(PREFLIGHT_S))


def _allowed(origin: str | None, origins: Sequence[str]) -> str | None:
    if tuple(origins) == ("*",):
        return "*"
    return origin if origin in origins else None
