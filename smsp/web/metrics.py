"""``GET /metrics``: Prometheus' text format, for a key that may observe."""

from __future__ import annotations

from quart import Blueprint, Response

from smsp.keys import Scope
from smsp.telemetry.metrics import CONTENT_TYPE
from smsp.web.authorization import needs
from smsp.web.services import Services


def metrics(services: Services) -> Blueprint:
    """The route, over these services."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    @needs(services, Scope.OBSERVE)
    async def scrape() -> Response:
        return Response(services.metrics.exposition(), content_type=CONTENT_TYPE)

    return blueprint
