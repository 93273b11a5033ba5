"""Whether the process lives, whether it should get traffic, and how its circuits are."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from quart import Blueprint, Response, request

from actors import Snapshot, State
from smsp.keys import Key, Scope
from smsp.sending.circuits_status import NodeStatus, status_of
from smsp.web.authorization import presented_key
from smsp.web.replies import json_reply
from smsp.web.request import current_request
from smsp.web.services import Services


def health(services: Services) -> Blueprint:
    """The routes, over these services."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthcheck")
    async def healthcheck() -> Response:
        snapshots = services.dispatcher.snapshots()
        body: dict[str, object] = {
            "status": _status(snapshots, draining=services.readiness.draining)
        }
        key = services.admission.enter(presented_key(services, current_request()), Scope.OBSERVE)
        if isinstance(key, Key):
            body["version"] = services.version
            body["node"] = services.node
            body["scopes"] = sorted(key.scopes)
            body["providers"] = {one.name: one.state for one in snapshots}
        return json_reply(body)

    @blueprint.get("/livez")
    async def livez() -> Response:
        return json_reply({"status": "ok"})

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        why_not = _why_not_ready(services)
        if why_not is None:
            return json_reply({"status": "ok"})
        body = {"status": "unready", "message": why_not}
        return json_reply(body, HTTPStatus.SERVICE_UNAVAILABLE)

    return blueprint


def _status(snapshots: Sequence[Snapshot], *, draining: bool) -> NodeStatus:
    return "draining" if draining else status_of(snapshot.state for snapshot in snapshots)


def _why_not_ready(services: Services) -> str | None:
    states = [snapshot.state for snapshot in services.dispatcher.snapshots()]
    if not services.readiness.started:
        return "The actors have not started."
    if services.readiness.draining:
        return "This node is stopping."
    if all(state is State.QUARANTINED for state in states):
        return "Every actor is quarantined."
    if request.args.get("circuits") == "any" and not any(state.takes_calls for state in states):
        return "No circuit can take mail."
    return None
