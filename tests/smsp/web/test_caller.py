"""The port between a handler and its server: the same questions, whichever server answers them."""

from __future__ import annotations

import pytest

from smsp.web.caller import BODY, Caller, Piece

REQUEST, LAST = (
    {"type": "http.request", "body": b"a", "more_body": True},
    {"type": "http.request", "body": b"b", "more_body": False},
)
GONE = {"type": "http.disconnect"}


def caller(*events, extensions=None):
    """Somebody of whom this comes, and what has not come yet."""
    left = list(events)

    async def receive():
        return left.pop(0)

    return Caller(extensions or {}, receive), left


async def test_pieces_of_a_body():
    """One after another, the last one said to be so; None once the caller has left."""
    one, _ = caller(REQUEST, LAST, GONE)
    assert [await one.more() for _ in range(3)] == [Piece(b"a", False), Piece(b"b", True), None]


async def test_an_event_without_fields():
    """ASGI lets a server leave out an empty body, and that it is the last."""
    one, _ = caller({"type": "http.request"})
    assert await one.more() == Piece(b"", last=True)


@pytest.mark.parametrize("events", [(GONE,), (REQUEST, REQUEST, LAST, GONE)], ids=["at once", "on"])
async def test_whoever_leaves(events):
    """It is told when the caller has, past whatever is left of the body, and no further."""
    one, left = caller(*events, GONE)
    await one.gone()
    assert left == [GONE]


def test_a_body_that_has_come():
    """A server that knows of it gives it; another cannot say, which is no body yet."""
    ours, _ = caller(extensions={BODY: lambda: b"whole"})
    assert ours.take_body() == b"whole"
    for extensions in ({}, {BODY: {}}, {"http.response.push": {}}):
        stock, _ = caller(extensions=extensions)
        assert stock.take_body() is None
