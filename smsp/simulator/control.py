"""The control port: break a provider with curl, and read what was really taken.

Owns the few routes of that interface::

    GET    /outbox                    totals, and the last messages whole
    GET    /outbox/counts             how often each SMSP id was taken: {id: times}
    GET    /outbox/counts/{id}        the same for one
    DELETE /outbox                    forget all of it
    GET    /providers                 name, url and switch of each
    PUT    /providers/{name}          turn its switch: {"switch": "down"}, or just the word
    PUT    /providers/{name}/faults   the share of messages that each fault meets: {"error": 0.1}
    GET    /faults                    the fault table, as text

Must not know how a provider misbehaves, only that it has a switch and a mix of faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

import orjson
import trio

from smsp.simulator.conversation import Conversation
from smsp.simulator.faults import fault_table
from smsp.simulator.outbox import Outbox
from smsp.simulator.server import SimulatedProvider
from smsp.simulator.switch import Position
from smsp.simulator.wire import Request, SimulatedAnswer, json_answer


class Control:
    """The control interface of one simulation."""

    def __init__(self, providers: Mapping[str, SimulatedProvider], outbox: Outbox) -> None:
        self._providers = providers
        self._outbox = outbox

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it ends; closes ``stream``."""
        conversation = Conversation(stream)
        async with stream:
            with suppress(trio.BrokenResourceError):
                while (request := await conversation.next_request()) is not None:
                    await conversation.send(await self.answer(request))

    async def answer(self, request: Request) -> SimulatedAnswer:
        """Carry out one request."""
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["outbox"]:
                return self._outbox_whole()
            case "GET", ["outbox", "counts"]:
                return json_answer(200, self._outbox.taken_by_id)
            case "GET", ["outbox", "counts", smsp_id]:
                return json_answer(200, {smsp_id: self._outbox.taken(smsp_id)})
            case "DELETE", ["outbox"]:
                self._outbox.clear()
                return SimulatedAnswer(204)
            case "GET", ["providers"]:
                return json_answer(200, {"providers": list(map(_shown, self._providers.values()))})
            case "PUT", ["providers", name] if name in self._providers:
                return await _turned(self._providers[name], request.body)
            case "PUT", ["providers", name, "faults"] if name in self._providers:
                return _mixed(self._providers[name], request.body)
            case "GET", ["faults"]:
                return SimulatedAnswer(
                    200, (("Content-Type", "text/plain"),), fault_table().encode()
                )
            case _:
                return json_answer(404, {"message": "No such thing to do here."})

    def _outbox_whole(self) -> SimulatedAnswer:
        tally = self._outbox.tally
        return json_answer(
            200,
            {
                "accepted": dict(tally.accepted),
                "tested": dict(tally.tested),
                "ids": tally.ids,
                "duplicated": tally.duplicated,
                "forgotten": tally.forgotten,
                "messages": [asdict(entry) for entry in self._outbox.entries],
            },
        )


def _shown(provider: SimulatedProvider) -> dict[str, object]:
    return {
        "name": provider.name,
        "url": provider.url,
        "switch": provider.switch,
        "faults": dict(provider.mix.shares),
    }


async def _turned(provider: SimulatedProvider, body: bytes) -> SimulatedAnswer:
    try:
        position = Position(_word_in(body))
    except ValueError:
        words = ", ".join(Position)
        return json_answer(400, {"message": f"A switch is one of: {words}."})
    await provider.set_switch(position)
    return json_answer(200, _shown(provider))


def _mixed(provider: SimulatedProvider, body: bytes) -> SimulatedAnswer:
    try:
        provider.mix.set(_shares_in(body))
    except ValueError as error:
        return json_answer(400, {"message": str(error)})
    return json_answer(200, _shown(provider))


def _shares_in(body: bytes) -> dict[str, float]:
    shares: object = orjson.loads(body)
    if not isinstance(shares, dict) or not all(_is_number(one) for one in shares.values()):
        raise ValueError("A share for each fault, as JSON, is needed.")
    return shares


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _word_in(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    try:
        wanted: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return str(wanted.get("switch")) if isinstance(wanted, dict) else str(wanted)
