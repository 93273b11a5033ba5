"""The OpenAPI document, and Swagger UI to read it with.

Swagger UI comes from the package ``flask-swagger-ui``, of which only the files are used, and is
served from here: the page asks no other host for anything. Everything is made or read when it is
first asked for, and kept.
"""

from __future__ import annotations

from functools import cache
from html import escape
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import orjson
from quart import Blueprint, Response, request

from smsp.web.assets import ASK_AGAIN, FOR_A_YEAR, STATIC, Shelf, file_reply
from smsp.web.openapi import document
from smsp.web.replies import JSON, error_reply
from smsp.web.services import Services

ASSETS = MappingProxyType(
    {
        "swagger-ui.css": "text/css; charset=utf-8",
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "favicon-32x32.png": "image/png",
        "docs.css": "text/css; charset=utf-8",
        "docs.js": "text/javascript; charset=utf-8",
    }
)
"""The only files that are served, and what they are."""

# Swagger UI sets style attributes and has images in its style sheet; all else is forbidden.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def docs(services: Services) -> Blueprint:
    """The routes, over these services."""
    blueprint = Blueprint("docs", __name__)
    shelf = Shelf(_where)

    @cache
    def written() -> bytes:
        return orjson.dumps(document(services.version))

    @blueprint.get("/swagger.json")
    @blueprint.get("/openapi.json")
    async def show_document() -> Response:
        return file_reply(written(), JSON, caching=ASK_AGAIN)

    @blueprint.get("/docs")
    async def show_docs() -> Response:
        versions = {name: (await shelf.take(name)).version for name in ASSETS}
        response = file_reply(_page(versions), "text/html; charset=utf-8", caching=ASK_AGAIN)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @blueprint.get("/docs/assets/<name>")
    async def show_asset(name: str) -> Response:
        if name not in ASSETS:
            return error_reply(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")
        asset = await shelf.take(name)
        caching = FOR_A_YEAR if request.args.get("v") == asset.version else ASK_AGAIN
        return file_reply(asset.content, ASSETS[name], caching=caching)

    return blueprint


def _where(name: str) -> Path:
    ours = STATIC / name
    return ours if ours.is_file() else _swagger_ui() / name


def _swagger_ui() -> Path:
    # Found, not imported: importing it would run code written for Flask.
    spec = find_spec("flask_swagger_ui")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("dist")


def _page(versions: dict[str, str]) -> bytes:
    at = {name: escape(f"/docs/assets/{name}?v={version}") for name, version in versions.items()}
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SMSP: the API</title>
<link rel="icon" type="image/png" href="{at["favicon-32x32.png"]}">
<link rel="stylesheet" href="{at["swagger-ui.css"]}">
<link rel="stylesheet" href="{at["docs.css"]}">
<script src="{at["swagger-ui-bundle.js"]}" defer></script>
<script src="{at["docs.js"]}" defer></script>
</head>
<body>
<main id="swagger-ui"></main>
<noscript>This page needs JavaScript; <a href="/openapi.json">the document itself</a> does not.\
</noscript>
</body>
</html>
""".encode()
