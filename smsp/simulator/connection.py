"""One connection to one simulated provider: each message judged, recorded, answered or spoilt.

Owns the order of these steps, and nothing else: the wire judges and words, the outbox records,
the fault table decides what is spoilt, the conversation moves the bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio

from smsp.simulator.conversation import Conversation
from smsp.simulator.faults import Delivery, SimulatedFault, fault_for
from smsp.simulator.outbox import Outbox
from smsp.simulator.switch import READING, Position, Switch
from smsp.simulator.wire import ProviderApi, Request, SimulatedAnswer, Submission, Verdict


async def serve_connection(
    stream: trio.abc.Stream,
    wire: ProviderApi,
    outbox: Outbox,
    switch: Switch,
    *,
    draw: Callable[[], SimulatedFault | None] = lambda: None,
    now: Callable[[], float] = time.time,
) -> None:
    """Serve one connection until it ends; closes ``stream``. ``now`` is Unix time in seconds.

    A fault that ``draw`` returns meets the next message before its recipients are asked.

    A request that was read before the switch left ``up`` waits until it is up again, and is then
    treated as if it had just come: late acceptance is a thing providers do.
    """
    receive = partial(switch.only_in, READING, stream.receive_some)
    conversation = Conversation(stream, receive=receive, now=now)
    async with stream:
        with suppress(trio.BrokenResourceError):
            while (request := await conversation.next_request()) is not None:
                await switch.wait_in({Position.UP})
                await _respond(conversation, wire, outbox, request, draw, now)


async def _respond(
    conversation: Conversation,
    wire: ProviderApi,
    outbox: Outbox,
    request: Request,
    draw: Callable[[], SimulatedFault | None],
    now: Callable[[], float],
) -> None:
    match wire.read(request):
        case SimulatedAnswer() as answer:
            await conversation.send(answer)
        case Submission() as submission:
            fault = draw() or fault_for(submission.recipients)
            number = outbox.take(wire.name, submission) if fault.accepts else 0
            await trio.sleep(fault.delay_s)
            match fault.says:
                case Verdict() as verdict:
                    answer = wire.answer(verdict, submission, number=number, now=now())
                case SimulatedAnswer() as from_the_edge:
                    answer = from_the_edge
            await _deliver(conversation, answer, fault.delivery)


async def _deliver(conversation: Conversation, answer: SimulatedAnswer, delivery: Delivery) -> None:
    match delivery:
        case Delivery.WHOLE:
            await conversation.send(answer)
        case Delivery.CUT:
            await conversation.send_cut(answer)
        case Delivery.GARBAGE:
            await conversation.send_garbage()
        case Delivery.DROPPED:
            conversation.abandon()
        case Delivery.NEVER:
            await conversation.say_nothing()
