"""What a node lacks is its own fault: nothing was sent, others may try, no provider is blamed."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from math import inf

import httpx
import pytest

from actors import Answered
from smsp.mail.outcome import Blame, NotSent, Reason, Sent, Unknown
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.credentials_source import no_credentials
from smsp.providers.dns import Resolver
from smsp.providers.http.exchange import Exchange, Interrupted
from smsp.providers.http.phases import FAILURES, HttpFailure, Phase
from smsp.providers.http.provider import HttpProvider
from smsp.providers.http.transport import Transport
from smsp.providers.protocols import HttpCall
from smsp.providers.shortage import Spared, is_shortage
from smsp.providers.smtp import phases as smtp_phases
from tests.kit.circuits import running_circuit
from tests.kit.far_http import Far, Script
from tests.kit.mails import mailbox, send

NO_RESOURCES = NotSent(Reason.NO_RESOURCES, Blame.NOBODY)
IN_DOUBT = Unknown(Reason.NO_RESOURCES, Blame.NOBODY)
NO_ROOMS = [
    OSError(code, "no room") for code in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
]
NO_PORT = OSError(errno.EADDRNOTAVAIL, "no port")
NO_THREAD = RuntimeError("can't start new thread")
NO_MEMORY = socket.gaierror(socket.EAI_MEMORY, "no memory")
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "no such name")
OURS = [*NO_ROOMS, NO_PORT, NO_THREAD, NO_MEMORY, MemoryError()]
BEFORE_THE_ANSWER = [phase for phase in Phase if phase is not Phase.ANSWERED]
THEIRS = [REFUSED, UNKNOWN_NAME, RuntimeError("a bug"), TimeoutError(), ValueError()]


def because_of(*errors: Exception) -> OSError:
    """What trio raises when every attempt to connect has failed."""
    failed = OSError("all attempts to connect failed")
    failed.__cause__ = ExceptionGroup("all attempts", errors)
    return failed


@pytest.mark.parametrize("error", [*OURS, *(because_of(error) for error in OURS)], ids=repr)
def test_ours(error: Exception) -> None:
    """Alone, and as the reason of every attempt to connect."""
    assert is_shortage(error)


@pytest.mark.parametrize(
    "error",
    [*THEIRS, *(because_of(error) for error in THEIRS), because_of(NO_PORT, REFUSED)],
    ids=repr,
)
def test_theirs(error: Exception) -> None:
    """A host that refuses is not excused because this machine has no IPv6."""
    assert not is_shortage(error)


def test_one_attempt_without_room_is_enough() -> None:
    """Whoever refused the other one might have been reached by this."""
    assert is_shortage(because_of(REFUSED, NO_ROOMS[0]))


# -- on the way of a call


def failing(error: Exception) -> Transport:
    """A transport that cannot make a connection."""

    async def dial(_host: str, _port: int) -> None:
        raise error

    return Transport(4, ssl.create_default_context(), dial=dial)


async def test_no_connection_for_want_of_a_descriptor() -> None:
    """An exchange tells it from a provider that cannot be reached."""
    call = HttpCall("GET", "http://api.example.com/v3/scopes")
    for error, failure in [
        (because_of(NO_ROOMS[0]), HttpFailure.STARVED),
        (REFUSED, HttpFailure.BROKEN),
    ]:
        result = await Exchange(2.0).run(failing(error), call)
        assert result == Interrupted(Phase.CONNECTING, failure)


@pytest.mark.parametrize("phase", BEFORE_THE_ANSWER, ids=lambda phase: phase.name)
@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
async def test_a_phase_that_ends_for_want_of_memory(autojump_clock, phase, kind) -> None:
    """Whatever httpx makes of it: before the last byte nothing was sent, after it nobody knows."""
    error = kind("boom")
    error.__cause__ = OSError(errno.ENOMEM, "no memory")
    far = Far(Script(raises={phase: error}))
    provider = HttpProvider(SendGrid("a-key"), far, far, mailbox("a@b.example"), 2.0)
    async with running_circuit(Spared(provider)) as circuit:
        reply = await circuit.ask(send(), deadline=inf)
        assert reply.answer == (
            Unknown(Reason.NO_RESOURCES, Blame.NOBODY) if phase is Phase.WRITTEN else NO_RESOURCES
        )
        assert circuit.snapshot.state == "closed"
        assert circuit.snapshot.last_failure is None


@pytest.mark.parametrize("phase", smtp_phases.SmtpPhase, ids=lambda phase: phase.name)
@pytest.mark.parametrize("error", [NO_ROOMS[0], because_of(NO_PORT)], ids=repr)
def test_an_smtp_phase_that_ends_for_want_of_something(phase, error) -> None:
    """The same, though its phases are others."""
    written = phase is smtp_phases.SmtpPhase.WRITTEN
    assert smtp_phases.failed(phase, error) == (IN_DOUBT if written else NO_RESOURCES)
    assert smtp_phases.failed(phase, REFUSED).blame is Blame.PROVIDER


class Failing:
    """A provider that raises, before or after it has committed."""

    def __init__(self, error: Exception, *, commits: bool = False) -> None:
        self.error = error
        self.commits = commits

    async def send(self, _send, progress):
        if self.commits:
            progress.commit()
        raise self.error

    async def probe(self):
        raise self.error


@pytest.mark.parametrize("error", [*OURS, ExceptionGroup("a nursery", [NO_THREAD])], ids=repr)
async def test_a_call_that_raises_for_want_of_something(error: Exception) -> None:
    """It is no bug. The outcome is told by how far the call had come."""
    notices = []
    async with running_circuit(Spared(Failing(error)), notices.append) as circuit:
        assert await circuit.ask(send(), deadline=inf) == Answered(NO_RESOURCES)
        assert circuit.snapshot.state == "closed"
    assert {type(notice).__name__ for notice in notices} == {"Replied"}
    async with running_circuit(Spared(Failing(error, commits=True))) as circuit:
        reply = await circuit.ask(send(), deadline=inf)
        assert reply == Answered(Unknown(Reason.NO_RESOURCES, Blame.NOBODY))
        assert circuit.snapshot.state == "closed"
    assert await Spared(Failing(error)).probe() == NO_RESOURCES


@pytest.mark.parametrize("error", [REFUSED, RuntimeError("a bug")], ids=repr)
async def test_a_bug_is_still_a_bug(error: Exception) -> None:
    """What is no shortage goes on as it came."""
    spared = Spared(Failing(error))
    with pytest.raises(type(error)):
        await spared.probe()


# -- those who do not say


def looked_up(error: Exception) -> Callable[..., object]:
    """A resolver that fails."""

    def lookup(*_question):
        raise error

    return lookup


def no_descriptors() -> OSError:
    """None can be had."""
    return NO_ROOMS[0]


async def test_a_resolver_without_a_socket() -> None:
    """It says that there is no such name, which would be the provider's fault."""
    with pytest.raises(socket.gaierror):
        await Resolver(looked_up(UNKNOWN_NAME)).getaddrinfo("mail.example", 443)
    with pytest.raises(OSError, match="no room") as raised:
        await Resolver(looked_up(UNKNOWN_NAME), no_descriptors).getaddrinfo("mail.example", 443)
    assert is_shortage(raised.value)


async def test_a_resolver_without_a_thread() -> None:
    """Who asks for addresses gets the error that it expects, and its reason."""
    with pytest.raises(OSError, match="no thread") as raised:
        await Resolver(looked_up(NO_THREAD)).getaddrinfo("mail.example", 443)
    assert is_shortage(raised.value)
    with pytest.raises(RuntimeError, match="a bug"):
        await Resolver(looked_up(RuntimeError("a bug"))).getaddrinfo("mail.example", 443)


def test_a_lender_without_a_socket() -> None:
    """It finds no credentials, and does not say why."""
    assert no_credentials() == NotSent(Reason.NO_CREDENTIALS, Blame.PROVIDER)
    assert no_credentials(no_descriptors) == NO_RESOURCES


async def test_the_next_one_is_sent() -> None:
    """When there is room again, nothing stands in the way."""
    far = Far()
    failing_once = Far(Script(raises={Phase.CONNECTING: httpx.ConnectError("no")}))
    failing_once.scripts[0].raises[Phase.CONNECTING].__cause__ = NO_ROOMS[0]
    provider = HttpProvider(SendGrid("a-key"), failing_once, far, mailbox("a@b.example"), 2.0)
    async with running_circuit(Spared(provider)) as circuit:
        assert (await circuit.ask(send(), deadline=inf)).answer == NO_RESOURCES
        reply = await circuit.ask(send(), deadline=inf)
        assert isinstance(reply.answer, Sent)
