"""The OpenAPI document as a judge: is this answer one that it describes?

It is stricter than a client's validator would be: an answer with a field or one of our headers
that is not described is wrong, too.
"""

from __future__ import annotations

from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker

from smsp.web.openapi import document

_HEADERS = frozenset({"requestkey", "retry-after", "www-authenticate", "allow"})


class Described:
    """What the document of one version says."""

    def __init__(self, version: str = "1.2.3") -> None:
        self.document: dict[str, Any] = document(version)

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """What is said of one route. ``path`` is as the document spells it."""
        operation: dict[str, Any] = self.document["paths"][path][method.lower()]
        return operation

    def answer(self, method: str, path: str, status: int) -> dict[str, Any]:
        """What is said of a route's answer with this status, or of any other error."""
        answers = self.operation(method, path)["responses"]
        return self.resolved(answers.get(str(status)) or answers["default"])

    def examples(self, method: str, path: str) -> dict[str, tuple[int | None, Any]]:
        """Every example of a route's answers: its status, None for any other error; its body."""
        return {
            name: (None if status == "default" else int(status), example["value"])
            for status, answer in self.operation(method, path)["responses"].items()
            for content in self.resolved(answer)["content"].values()
            for name, example in content.get("examples", {}).items()
        }

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """The component that a reference points to, or else the node itself."""
        if "$ref" not in node:
            return node
        _, *steps = node["$ref"].split("/")
        found: Any = self.document
        for step in steps:
            found = found[step]
        return dict(found)

    async def hold(self, response: Any, method: str, path: str) -> None:
        """Assert that an answer to a request for this route is described."""
        answer = self.answer(method, path, response.status_code)
        self._hold_headers(response.headers, answer["headers"])
        content = answer["content"][response.mimetype]
        is_json = response.mimetype == "application/json"
        body = await (response.get_json() if is_json else response.get_data(as_text=True))
        self.hold_value(body, content["schema"])

    def hold_value(self, value: Any, schema: dict[str, Any]) -> None:
        """Assert that a value has the shape of this schema, with nothing beside it."""
        components = _closed(self.document["components"])
        whole = {"components": components, **_closed(schema)}
        OAS31Validator(whole, format_checker=oas31_format_checker).validate(value)

    def _hold_headers(self, given: Any, described: dict[str, Any]) -> None:
        ours = {name.lower() for name in given.keys()} & _HEADERS  # noqa: SIM118 - not a mapping
        assert ours <= {name.lower() for name in described}
        for name, node in described.items():
            header = self.resolved(node)
            assert name in given or not header.get("required"), name
            if name in given:
                is_number = header["schema"]["type"] == "integer"
                value = int(given[name]) if is_number else given[name]
                self.hold_value(value, header["schema"])


def _closed(node: Any) -> Any:
    """The same schema, with objects that have no fields but those described."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    is_open_object = closed.get("type") == "object" and "properties" in closed
    return closed | ({"additionalProperties": False} if is_open_object else {})
