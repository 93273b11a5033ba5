"""What a network can do to a dialogue with an SMTP server, at any byte of it.

The phases of a dialogue are tested by themselves (``test_smtp_phases.py``). Here a proxy cuts it
anywhere: inside a word, inside an answer, inside the line with the dot.

Needs the inside: it compares outcomes, of which an answer in HTTP tells less.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import pytest
import trio

from functional_tests.kit.fault_proxy import FAULTLESS, Act, FaultProxy, Met, Script, Way
from functional_tests.kit.smtp_circuit import account, send_through
from functional_tests.kit.smtp_peers import Scripted, listening
from smsp.mail.outcome import NotSent, Outcome, Sent, Unknown
from tests.kit.mails import send

LANES = 8
MESSAGE = send(text="hello")
THE_END_BYTES = 40
"""The line with the dot and what follows, and the answer to it."""
END_OF_MESSAGE = b"\r\n.\r\n"

acts = pytest.mark.parametrize(
    "act", [Act.RESET, Act.END, Act.HALF_CLOSE], ids=lambda act: act.name.lower()
)


@dataclass(frozen=True)
class Case:
    """One message: what became of it, and what the connection met."""

    outcome: Outcome
    met: Met

    @property
    def may_be_taken(self) -> bool:
        """Whether the server had the message to its end."""
        return END_OF_MESSAGE in self.met.there


@acts
@pytest.mark.parametrize("way", ["there", "back"])
async def test_a_dialogue_is_cut(way, act):
    """Before the server asks for the message it is a proof, while it has it nobody knows, and when
    it has taken it, it is sent; a message that came to its end is never told as not sent."""
    cases = await cut_everywhere(way, act)
    for case in cases:
        assert type(case.outcome) in told(case), case
        if isinstance(case.outcome, NotSent):
            assert not case.may_be_taken, case
    assert {type(case.outcome) for case in cases} == {NotSent, Unknown, Sent}


def told(case: Case) -> set[type[Outcome]]:
    """What may be said, by what the server has been heard to say."""
    if b"queued as Q1\r\n" in case.met.back:
        return {Sent}
    return {NotSent, Unknown} if b"354 go on\r\n" in case.met.back else {NotSent}


async def cut_everywhere(way: str, act: Act) -> list[Case]:
    """One message for each number of bytes, at the end of the dialogue; before that, for some."""
    async with listening(a_new_server) as port:
        (whole,) = await each(port, [FAULTLESS], 1)
        length = len(getattr(whole.met, way))
        after = [*range(0, length - THE_END_BYTES, 5), *range(length - THE_END_BYTES, length + 1)]
        return await each(port, [Script(**{way: Way(n, act)}) for n in after], LANES)


async def a_new_server(stream: trio.SocketStream) -> None:
    """One connection to a server that takes everything."""
    await Scripted()(stream)


async def each(port: int, scripts: Iterable[Script], lanes: int) -> list[Case]:
    """One message for each script, as many at a time as there are lanes."""
    left, cases = iter(scripts), []

    async def work() -> None:
        with closing(FaultProxy(port, tests_near=True)) as proxy:
            async with trio.open_nursery() as nursery:
                await nursery.start(proxy.run)
                for script in left:
                    met = proxy.expect(script)
                    outcome = await send_through(account(proxy.port), MESSAGE)
                    await met.finish()
                    cases.append(Case(outcome, met))
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as workers:
        for _ in range(lanes):
            workers.start_soon(work)
    return cases
