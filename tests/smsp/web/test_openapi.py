"""The OpenAPI document: what it is made of, and that it describes the routes that exist."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import pytest
from openapi_spec_validator import validate

from actors import State
from smsp.keys import Scope
from smsp.mail import Mail
from smsp.mail.outcome import Reason
from smsp.mail.parsing import EmailMessage, parse
from smsp.web.app import REQUEST_KEY_CHARACTERS_MAX, create_app
from smsp.web.replies import ErrorCode
from smsp.web.send_options import DEADLINE_S_MAX, DEADLINE_S_MIN
from tests.kit.openapi import Described
from tests.kit.web import fake_services

NOT_DESCRIBED = {("GET", "/docs/assets/<name>"), ("GET", "/dashboard/<of>/<name>")}
"""The pages' own files: nobody else asks for them."""


@pytest.fixture(scope="module")
def described():
    return Described()


@pytest.fixture(scope="module")
def schemas(described):
    return described.document["components"]["schemas"]


def test_it_is_valid(described):
    """It is an OpenAPI 3.1 document by the specification's own schema."""
    assert described.document["openapi"] == "3.1.0"
    validate(described.document)


def test_it_describes_the_routes_that_exist(described):
    """Every route is described, and every route described exists."""
    rules = create_app(fake_services()).url_map.iter_rules()
    routes = {(method, rule.rule) for rule in rules for method in rule.methods or ()}
    asked_for = {route for route in routes if route[0] not in {"HEAD", "OPTIONS"}}
    assert asked_for - NOT_DESCRIBED == {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in described.document["paths"].items()
        for method in methods
    }


def test_every_reference_leads_somewhere_and_every_component_is_used(described):
    """Nothing dangles, nothing is left over, and pydantic's own $defs are gone."""
    text = json.dumps(described.document)
    references = set(_references(described.document))
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in described.document["components"].items()
        for name in named
        if kind != "securitySchemes"
    }
    assert references == components
    assert "$defs" not in text


def test_operations_can_be_told_apart(described):
    """Generated clients name their functions by operationId, so no two are alike."""
    names = Counter(operation["operationId"] for operation in _operations(described))
    assert names.most_common(1)[0][1] == 1


def test_reasons_are_the_closed_list_of_the_code(schemas):
    """A caller may switch on the reason: these words and no others."""
    assert schemas["Reason"]["enum"] == [reason.value for reason in Reason]
    assert schemas["Attempt"]["properties"]["reason"] == {"$ref": "#/components/schemas/Reason"}


def test_error_codes_are_the_closed_list_of_the_code(schemas):
    """A caller may switch on the code: these words and no others."""
    assert tuple(schemas["Error"]["properties"]["code"]["enum"]) == get_args(ErrorCode)


def test_circuit_states_are_those_that_are_shown(schemas):
    """Probing is shown as open: whoever watches need not tell them apart."""
    assert schemas["Snapshot"]["properties"]["state"]["enum"] == [
        state.value for state in State if state is not State.PROBING
    ]


def test_the_request_is_what_the_door_reads(schemas):
    """The schema of the body has the fields of the model that reads it, and no others."""
    schema = schemas["EmailMessage"]
    assert set(schema["properties"]) == set(EmailMessage.model_fields)
    assert schema["required"] == ["fromaddress", "toaddress"]
    assert schema["additionalProperties"] is False


def test_the_example_messages_can_be_sent(described):
    """Each example of a body comes through the door as a message, and matches its schema."""
    content = described.operation("POST", "/email")["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert isinstance(parse(json.dumps(example["value"]).encode()), Mail)
        described.hold_value(example["value"], content["schema"])


def test_the_bounds_are_those_of_the_code(described):
    """What a request header may be is what the handlers allow."""
    parameters = described.document["components"]["parameters"]
    deadline = parameters["Deadline"]["schema"]
    assert (deadline["minimum"], deadline["maximum"]) == (DEADLINE_S_MIN, DEADLINE_S_MAX)
    # Too long a request key is no error: SMSP makes another one, as for its answers.
    assert str(REQUEST_KEY_CHARACTERS_MAX) in parameters["RequestKey"]["description"]
    answered = described.document["components"]["headers"]["RequestKey"]["schema"]
    assert answered["maxLength"] == REQUEST_KEY_CHARACTERS_MAX


def test_a_key_may_be_shown_in_two_ways(described):
    """X-API-KEY and a bearer token, as "Authorize" in Swagger UI offers them."""
    schemes = described.document["components"]["securitySchemes"]
    ways = {(one["type"], one.get("name"), one.get("scheme")) for one in schemes.values()}
    assert ways == {("apiKey", "X-API-KEY", None), ("http", None, "bearer")}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/email", Scope.SEND),
        ("GET", "/providers", Scope.OBSERVE),
        ("GET", "/providers/events", Scope.OBSERVE),
        ("GET", "/providers/{name}", Scope.OBSERVE),
    ],
)
def test_a_guarded_route_says_which_scope_it_needs(described, method, path, scope):
    """Either way of showing a key will do, and it must have this scope."""
    security = described.operation(method, path)["security"]
    assert security == [{"ApiKey": [scope.value]}, {"Bearer": [scope.value]}]
    assert {"401", "403"} <= described.operation(method, path)["responses"].keys()


def test_every_example_of_an_answer_matches_its_schema(described):
    """Examples are held against the schema they stand beside."""
    for operation in _operations(described):
        for answer in map(described.resolved, operation["responses"].values()):
            for content in answer["content"].values():
                for example in content.get("examples", {}).values():
                    described.hold_value(example["value"], content["schema"])


def _operations(described):
    return [one for methods in described.document["paths"].values() for one in methods.values()]


def _references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
