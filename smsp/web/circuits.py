"""``/providers``: the actors, as they last published themselves."""

from __future__ import annotations

from http import HTTPStatus

from quart import Blueprint, Response

from smsp.keys import Scope
from smsp.web.authorization import needs
from smsp.web.replies import error_reply, json_reply, snapshot_json
from smsp.web.services import Services


def circuits(services: Services) -> Blueprint:
    """The routes, over these services."""
    blueprint = Blueprint("circuits", __name__)

    @blueprint.get("/providers")
    @needs(services, Scope.OBSERVE)
    async def list_providers() -> Response:
        snapshots = services.dispatcher.snapshots()
        return json_reply({"providers": [snapshot_json(one, services) for one in snapshots]})

    @blueprint.get("/providers/<name>")
    @needs(services, Scope.OBSERVE)
    async def show_provider(name: str) -> Response:
        for snapshot in services.dispatcher.snapshots():
            if snapshot.name == name:
                return json_reply(snapshot_json(snapshot, services))
        return error_reply(HTTPStatus.NOT_FOUND, "not_found", "There is no such provider.")

    return blueprint
