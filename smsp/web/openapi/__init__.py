"""The OpenAPI document, generated from the code: shapes from models, words from enums,
bounds from constants.

A new route is described in :func:`_paths`; a test holds it against the application's routes, both
ways.
"""

from __future__ import annotations

from smsp.web.openapi.components import headers, parameters, responses, security_schemes
from smsp.web.openapi.operating import order_circuit, scrape
from smsp.web.openapi.parts import JsonObject
from smsp.web.openapi.schemas import schemas
from smsp.web.openapi.sending import send_email, show_email
from smsp.web.openapi.watching import (
    dashboard,
    docs,
    healthcheck,
    list_providers,
    livez,
    readyz,
    show_provider,
    this_document,
    watch_providers,
)

__all__ = ["document"]

_WHAT_IT_IS = """
SMSP takes one e-mail and hands it to one of several e-mail providers. It fails fast, keeps no
queue, and never sends a message twice.

Every answer carries `RequestKey`. Every error is JSON with a `message` for people and a `code` for
programs; the codes and the reasons of attempts are closed lists, below.
"""
_TAGS = (
    ("mail", "Send a message."),
    ("circuits", "Watch the circuit breakers, one for each provider."),
    ("health", "For load balancers and orchestrators."),
    ("documentation", "What you are reading."),
)


def document(version: str) -> JsonObject:
    """The document of this version of SMSP. Not quick: keep it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SMSP, the Send Mail Service Proxy",
            "version": version,
            "description": _WHAT_IT_IS,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in _TAGS],
        "paths": _paths(),
        "components": {
            "schemas": schemas(),
            "parameters": parameters(),
            "headers": headers(),
            "responses": responses(),
            "securitySchemes": security_schemes(),
        },
    }


def _paths() -> JsonObject:
    return {
        "/email": {"post": send_email()},
        "/email/{id}": {"get": show_email()},
        "/providers": {"get": list_providers()},
        "/providers/events": {"get": watch_providers()},
        "/providers/{name}": {"get": show_provider()},
        "/providers/{name}/circuit": {"put": order_circuit()},
        "/metrics": {"get": scrape()},
        "/healthcheck": {"get": healthcheck()},
        "/livez": {"get": livez()},
        "/readyz": {"get": readyz()},
        "/swagger.json": {"get": this_document("getSwagger")},
        "/openapi.json": {"get": this_document("getOpenapi")},
        "/docs": {"get": docs()},
        "/": {"get": dashboard()},
    }
