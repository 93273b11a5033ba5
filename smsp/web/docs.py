"""The OpenAPI document and Swagger UI. Being written."""

from __future__ import annotations

from quart import Blueprint

from smsp.web.services import Services


def docs(services: Services) -> Blueprint:
    """The routes."""
    return Blueprint("docs", __name__)
