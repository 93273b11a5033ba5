"""What descriptions of routes are put together from."""

from __future__ import annotations

from smsp.keys import Scope

JsonObject = dict[str, object]


def ref(kind: str, name: str) -> JsonObject:
    """A pointer to a named component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def about(operation: str, tag: str, summary: str, description: str = "") -> JsonObject:
    """What a route is called, and what it is for."""
    told: JsonObject = {"operationId": operation, "tags": [tag], "summary": summary}
    return told | ({"description": description} if description else {})


def answer(
    description: str,
    *schemas: str,
    examples: JsonObject | None = None,
    headers: tuple[str, ...] = (),
) -> JsonObject:
    """A JSON answer of any of these shapes, with these headers beside ``RequestKey``."""
    shapes = [ref("schemas", schema) for schema in schemas]
    content: JsonObject = {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
    if examples:
        content["examples"] = named(examples)
    return {
        "description": description,
        "headers": {name: ref("headers", name) for name in ("RequestKey", *headers)},
        "content": {"application/json": content},
    }


def named(examples: JsonObject) -> JsonObject:
    """Examples as OpenAPI spells them."""
    return {name: {"value": value} for name, value in examples.items()}


def keys(scope: Scope) -> list[JsonObject]:
    """Either way of showing a key, and the scope it must have."""
    return [{"ApiKey": [scope.value]}, {"Bearer": [scope.value]}]


def request_keys() -> list[JsonObject]:
    """The headers that every route reads."""
    return [ref("parameters", "RequestKey"), ref("parameters", "RequestId")]


def to_anybody(answers: JsonObject) -> JsonObject:
    """The answers of a route that needs no key."""
    return {"400": ref("responses", "KeyInUrl")} | answers | _whatever_happens()


def to_key_holders(answers: JsonObject) -> JsonObject:
    """The answers of a route that needs a key."""
    refusals: JsonObject = {
        "401": ref("responses", "Unauthorised"),
        "403": ref("responses", "Forbidden"),
        "429": ref("responses", "TooManyWrongKeys"),
    }
    return to_anybody(refusals | answers)


def _whatever_happens() -> JsonObject:
    return {"500": ref("responses", "Internal"), "default": ref("responses", "Other")}
