"""``/providers``: the circuits as they last published themselves, and an operator's orders."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from quart import Blueprint, Response

from smsp.keys import Scope
from smsp.web.authorization import needs
from smsp.web.replies import error_reply, json_reply, snapshot_json
from smsp.web.request import current_request
from smsp.web.services import Services

HOLD_S_MAX = 7 * 24 * 3600.0
ORDER_BYTES_MAX = 4096


class Order(BaseModel):
    """What an operator wants of a circuit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    state: Literal["open", "closed", "auto"] = Field(
        description="`open`: no mail and no probes. `closed`: mail whatever fails. "
        "`auto`: the end of a hold; an open circuit probes at once."
    )
    for_s: Annotated[float, Field(gt=0, le=HOLD_S_MAX, allow_inf_nan=False)] | None = Field(
        None,
        alias="for",
        description="Seconds after which a hold ends by itself; without it, it has no end.",
    )


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
        return _unknown()

    @blueprint.put("/providers/<name>/circuit")
    @needs(services, Scope.OPERATE)
    async def order_circuit(name: str) -> Response:
        if name not in services.dispatcher.names:
            return _unknown()
        body = await current_request().body.read(bytes_max=ORDER_BYTES_MAX)
        try:
            order = Order.model_validate_json(body)
        except ValidationError as error:
            return _not_understood(error)
        snapshot = await services.dispatcher.order(name, order.state, order.for_s)
        return json_reply(snapshot_json(snapshot, services))

    return blueprint


def _unknown() -> Response:
    return error_reply(HTTPStatus.NOT_FOUND, "not_found", "There is no such provider.")


def _not_understood(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = f"{field}: {first['msg']}" if field else first["msg"]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return error_reply(status, "invalid_order", message, field=field)
