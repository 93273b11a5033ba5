"""What the OpenAPI document says of the routes that only look: circuits, health, itself."""

from __future__ import annotations

from smsp.keys import Scope
from smsp.telemetry.feed import COMMENT_EVERY_S, COUNTERS_EVERY_S, WATCHERS_MAX
from smsp.web.openapi.examples import error
from smsp.web.openapi.parts import (
    JsonObject,
    about,
    answer,
    keys,
    ref,
    request_keys,
    to_anybody,
    to_key_holders,
)

_EVENTS = f"""
Server-Sent Events, for `fetch()`: `EventSource` cannot send a key. Every event is the whole state,
so a watcher who has missed some has lost nothing: `event: snapshot`, `id: <seq>`,
`data: {{"seq", "providers": [snapshot, ...]}}`. The first comes at once, so does a change of state;
what only counts comes every {COUNTERS_EVERY_S:g} s at most. A comment is written every
{COMMENT_EVERY_S:g} s without news. `event: end` says that this node is stopping.
"""
_TOLD_MORE = (
    "Always 200 while the process lives. A key with the scope `observe` is told the version, the "
    "node, what the key allows and each circuit's state as well; any other key is told what "
    "everybody is."
)


def list_providers() -> JsonObject:
    """``GET /providers``."""
    return {
        **about("listProviders", "circuits", "Every circuit, in routing order"),
        "parameters": request_keys(),
        "security": keys(Scope.OBSERVE),
        "responses": to_key_holders({"200": answer("Every circuit.", "Providers")}),
    }


def watch_providers() -> JsonObject:
    """``GET /providers/events``."""
    answers = _page("The stream of events.", "text/event-stream", "string") | {
        "503": answer(
            f"More than {WATCHERS_MAX} are watching (`busy`), or this node stops (`draining`).",
            "Error",
            examples=error("busy", "Too many are watching already.")
            | error("draining", "This node is stopping."),
            headers=("Retry-After",),
        ),
    }
    return {
        **about("watchProviders", "circuits", "Every circuit, live", _EVENTS),
        "parameters": request_keys(),
        "security": keys(Scope.OBSERVE),
        "responses": to_key_holders(answers),
    }


def show_provider() -> JsonObject:
    """``GET /providers/{name}``."""
    answers: JsonObject = {
        "200": answer("The circuit.", "Snapshot"),
        "404": answer(
            "No provider has this name.",
            "Error",
            examples=error("not_found", "There is no such provider."),
        ),
    }
    return {
        **about("showProvider", "circuits", "One circuit"),
        "parameters": [ref("parameters", "ProviderName"), *request_keys()],
        "security": keys(Scope.OBSERVE),
        "responses": to_key_holders(answers),
    }


def healthcheck() -> JsonObject:
    """``GET /healthcheck``."""
    return {
        **about("healthcheck", "health", "How this node is", _TOLD_MORE),
        "parameters": request_keys(),
        "security": [{}, *keys(Scope.OBSERVE)],
        "responses": to_anybody({"200": answer("The process lives.", "Health")}),
    }


def livez() -> JsonObject:
    """``GET /livez``."""
    return {
        **about("livez", "health", "Whether the process lives"),
        "parameters": request_keys(),
        "security": [],
        "responses": to_anybody({"200": answer("It does.", "Ok")}),
    }


def readyz() -> JsonObject:
    """``GET /readyz``."""
    answers: JsonObject = {
        "200": answer("It should.", "Ok"),
        "503": answer("It should not; `message` says why.", "Unready"),
    }
    return {
        **about("readyz", "health", "Whether this node should be given traffic"),
        "parameters": [ref("parameters", "Circuits"), *request_keys()],
        "security": [],
        "responses": to_anybody(answers),
    }


def this_document(operation: str) -> JsonObject:
    """``GET /swagger.json`` and ``GET /openapi.json``."""
    answers = _page("This document.", "application/json", "object")
    return {
        **about(operation, "documentation", "This document"),
        "parameters": request_keys(),
        "security": [],
        "responses": to_anybody(answers),
    }


def docs() -> JsonObject:
    """``GET /docs``."""
    return {
        **about("showDocs", "documentation", "This document, for people"),
        "parameters": request_keys(),
        "security": [],
        "responses": to_anybody(_page("A page with Swagger UI.", "text/html", "string")),
    }


def dashboard() -> JsonObject:
    """``GET /``."""
    return {
        **about("showDashboard", "circuits", "The dashboard, for people"),
        "parameters": request_keys(),
        "security": [],
        "responses": to_anybody(_page("A page that asks for a key.", "text/html", "string")),
    }


def _page(description: str, content_type: str, json_type: str) -> JsonObject:
    page = {
        "description": description,
        "headers": {"RequestKey": ref("headers", "RequestKey")},
        "content": {content_type: {"schema": {"type": json_type}}},
    }
    return {"200": page}
