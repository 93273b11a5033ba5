"""Answers that are nearly what a provider documents: golden ones with something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from smsp.providers.protocols import HttpReply

ODD: tuple[Any, ...] = (None, True, False, 0, 1, -1, 0.0, 1e308, "", "0", "OK", [], {}, [[]], [{}])
"""What may stand in JSON where something else is expected."""

_HEADERS = ("x-message-id", "retry-after", "x-send-paused", "x-ratelimit-reset", "content-type")


def nearly(goldens: Sequence[HttpReply]) -> st.SearchStrategy[HttpReply]:
    """One of these, with its status, a header, a member of its JSON or some bytes changed."""
    return st.sampled_from(goldens).flatmap(_changed)


def any_reply() -> st.SearchStrategy[HttpReply]:
    """Any bytes under any status, with any headers."""
    return st.builds(
        HttpReply,
        status=st.integers(-1, 1000),
        headers=st.dictionaries(st.sampled_from(_HEADERS) | st.text(), st.text()),
        body=st.binary(),
        complete=st.booleans(),
        received_at=st.floats(0, 4e9),
    )


def with_one_member_changed(body: bytes) -> list[bytes]:
    """The same JSON but for one of its values, which is another or is missing; in every way."""
    try:
        value = json.loads(body)
    except ValueError:
        return []
    return [json.dumps(each).encode() for each in _variants(value)]


def _variants(value: Any) -> Iterator[Any]:
    yield from ODD
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield [*value[:at], *value[at + 1 :]]
            yield from ([*value[:at], other, *value[at + 1 :]] for other in _variants(each))
    if isinstance(value, dict):
        for name, each in value.items():
            yield {other: value[other] for other in value if other != name}
            yield from ({**value, name: other} for other in _variants(each))


def _changed(golden: HttpReply) -> st.SearchStrategy[HttpReply]:
    return st.builds(
        HttpReply,
        status=st.just(golden.status) | st.integers(199, 209) | st.integers(100, 599),
        headers=st.just(golden.headers) | _headers(golden.headers),
        body=st.just(golden.body) | _json(golden.body) | _bytes(golden.body),
        complete=st.sampled_from([True, True, True, False]),
        received_at=st.just(golden.received_at),
    )


def _headers(headers: Mapping[str, str]) -> st.SearchStrategy[dict[str, str]]:
    others = st.dictionaries(
        st.sampled_from(_HEADERS), st.sampled_from(["", " ", "true", "0", "\0"])
    )
    return others.map(lambda some: {**headers, **some}) | others


def _json(body: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from([body, *with_one_member_changed(body)])


@st.composite
def _bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """The same bytes, but some in the middle."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, len(body)))
    return body[:start] + draw(st.binary(max_size=5)) + body[end:]
