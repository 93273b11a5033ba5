"""What the OpenAPI document says of the routes for operators: orders to circuits, metrics."""

from __future__ import annotations

from smsp.keys import Scope
from smsp.web.openapi.examples import error
from smsp.web.openapi.parts import (
    JsonObject,
    about,
    answer,
    keys,
    ref,
    request_keys,
    to_key_holders,
)

_HOLD = """
Holds a circuit open (no mail, no probes) or closed (mail, whatever fails), for a time or until it
is set to `auto` again. A circuit that is let go open probes at once. An order also ends a
quarantine.
"""


def order_circuit() -> JsonObject:
    """``PUT /providers/{name}/circuit``."""
    answers: JsonObject = {
        "200": answer("It is done; this is the circuit.", "Snapshot"),
        "404": answer(
            "No provider has this name.",
            "Error",
            examples=error("not_found", "There is no such provider."),
        ),
        "413": answer(
            "The body is larger than any order.",
            "Error",
            examples=error("too_large", "The body is too large."),
        ),
        "422": answer(
            "The order is not understood.",
            "Error",
            examples=error("invalid_order", "state: Field required"),
        ),
    }
    content = {"application/json": {"schema": ref("schemas", "Order")}}
    return {
        **about("orderCircuit", "circuits", "Hold a circuit, or release it", _HOLD),
        "parameters": [ref("parameters", "ProviderName"), *request_keys()],
        "requestBody": {"required": True, "content": content},
        "security": keys(Scope.OPERATE),
        "responses": to_key_holders(answers),
    }


def scrape() -> JsonObject:
    """``GET /metrics``."""
    exposition = {
        "description": "Prometheus' text format.",
        "headers": {"RequestKey": ref("headers", "RequestKey")},
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return {
        **about("scrapeMetrics", "circuits", "Counters and gauges"),
        "parameters": request_keys(),
        "security": keys(Scope.OBSERVE),
        "responses": to_key_holders({"200": exposition}),
    }
