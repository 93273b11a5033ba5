"""``/``: the dashboard, one page for people who watch the circuits.

The page is public; everything it shows comes from the routes that need a key, which it asks for.
Its files stand under one address that names the content of them all, so that they always fit each
other, also while a new version is being rolled out.
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType

from quart import Blueprint, Response

from smsp.web.assets import ASK_AGAIN, FOR_A_YEAR, STATIC, Shelf, file_reply, version_of
from smsp.web.replies import error_reply

PAGE = "dashboard.html"
HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"

ASSETS = MappingProxyType(
    {
        "dashboard.css": _CSS,
        "card.css": _CSS,
        "dashboard.js": _SCRIPT,
        "card.js": _SCRIPT,
        "dom.js": _SCRIPT,
        "history.js": _SCRIPT,
        "operator.js": _SCRIPT,
        "sparkline.js": _SCRIPT,
        "stream.js": _SCRIPT,
        "words.js": _SCRIPT,
        "icon.svg": "image/svg+xml",
    }
)
"""The only files that are served, and what they are."""

HEADERS = MappingProxyType(
    {
        # Nothing inline, nothing from another host, no HTML made of strings.
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self'",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        ),
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)


def dashboard() -> Blueprint:
    """The routes. They need nothing of what stands behind the others."""
    blueprint = Blueprint("dashboard", __name__)
    shelf = Shelf(lambda name: STATIC / "dashboard" / name)

    async def version() -> str:
        versions = [(await shelf.take(name)).version for name in (PAGE, *ASSETS)]
        return version_of("".join(versions).encode())

    @blueprint.get("/")
    async def show_dashboard() -> Response:
        page = (await shelf.take(PAGE)).content.replace(b"{version}", (await version()).encode())
        response = file_reply(page, HTML, caching=ASK_AGAIN)
        response.headers.update(HEADERS)
        return response

    @blueprint.get("/dashboard/<of>/<name>")
    async def show_file(of: str, name: str) -> Response:
        if name not in ASSETS:
            return error_reply(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")
        caching = FOR_A_YEAR if of == await version() else ASK_AGAIN
        return file_reply((await shelf.take(name)).content, ASSETS[name], caching=caching)

    return blueprint
