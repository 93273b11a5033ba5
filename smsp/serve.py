"""Runs SMSP: signals, and the order of start and stop.

Start: actors, then the listener. Stop, on SIGTERM or SIGINT: tell load balancers and callers,
close the listener, let every caller who waits be answered, then the actors leave. A second
signal stops at once. SIGHUP: read the keys and the certificate again.
"""

from __future__ import annotations

import gc
import resource
import signal
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from actors import AllQuarantined, LoopClock, loop_clock
from smsp.keys import Key
from smsp.providers.http.provider import TransportFor
from smsp.providers.http.transport import Transport
from smsp.server import hypercorn
from smsp.server.connection import Limits
from smsp.server.listener import Listen, Open, SocketListening, hypercorn_config, listen
from smsp.settings import Settings, SettingsError, load_keys
from smsp.settings.tls import ServerCertificate, TlsFault
from smsp.telemetry.log import Log, ProcessLog, Telemetry, process_log
from smsp.web.app import create_app
from smsp.web.events import tell
from smsp.web.services import Services
from smsp.wiring import Application, application, node_name

EXIT_DRAINED, EXIT_CUT, EXIT_QUARANTINED = 0, 1, 70
IDLE_S = 75.0
"""Seconds an idle connection of a caller is kept; more than load balancers keep theirs, so that
it is they who close, and no request meets a connection that is just being closed."""
COLLECTED_AFTER = 20_000
"""Objects that may be made before the garbage collector looks for those that nobody uses."""
DESCRIPTORS_MAX = 65_536
LAST_ANSWERS_S = 2.0
"""Seconds in which the answers of calls that were cut must have been written."""

ReadKeys = Callable[[], Sequence[Key]]
"""The keys as they are told now; raises :class:`~smsp.settings.SettingsError`."""


async def serve(
    settings: Settings,
    log: Log,
    *,
    idle_s: float = IDLE_S,
    on_listening: Callable[[str], None] = lambda _url: None,
    read_keys: ReadKeys = load_keys,
    transport_for: TransportFor = Transport,
    log_lines_dropped: Callable[[], int] = lambda: 0,
    open_listening: Open = SocketListening,
) -> int:
    """Run until told to stop; the process's exit status.

    ``on_listening`` is told the URL, which matters when the port was chosen by the system.
    ``read_keys`` gives the keys anew; ``transport_for`` makes the ways to providers;
    ``log_lines_dropped`` counts what the log could not tell; ``open_listening`` makes what callers
    come through. Raises ``OSError`` when the port cannot be had.
    """
    for warning in settings.warnings:
        log.warning("settings.doubtful", message=warning)
    telemetry = Telemetry(
        log, whole_addresses=settings.log_addresses, lines_dropped=log_lines_dropped
    )
    certificate = _certificate(settings)
    status = EXIT_QUARANTINED
    with (
        trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals,
        trio.open_signal_receiver(signal.SIGHUP) as hang_ups,
    ):
        async with (
            application(settings, telemetry, transport_for) as running,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(reload, running.services, hang_ups, read_keys, certificate)
            nursery.start_soon(tell_stalls, loop_clock(), log)
            try:
                listening = _Listening(certificate, idle_s, open_listening, on_listening)
                status = await _run(running, settings, signals, listening)
            except* AllQuarantined:
                log.error("server.given_up", message="every actor is quarantined")
            nursery.cancel_scope.cancel()
    log.info("server.stopped", status=status)
    return status


def run_logged(
    serving: Callable[[ProcessLog], Awaitable[int]], output_format: str, *, debug: bool = False
) -> int:
    """Run something that serves with the process's log, by a clock that does not count the time
    in which the process itself stood still; its exit status."""
    with process_log(output_format, debug=debug, node=node_name()) as out:
        return trio.run(serving, out, clock=LoopClock())


def spare_the_collector(_url: str) -> None:
    """Let the garbage collector look at nothing that was there when serving began, and seldom.

    For a process that does nothing but serve. What a send leaves behind is gone with its last
    user; looking for the little that is not, as often as Python does, is an eighth of a send.
    """
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)


async def reload(
    services: Services,
    hang_ups: AsyncIterable[int],
    read_keys: ReadKeys = load_keys,
    certificate: ServerCertificate | None = None,
) -> None:
    """At each hang-up put what ``read_keys`` gives in the place of the keys that were known, and
    what is in its files in the place of the certificate. Where there is a mistake, the old stays.
    """
    async for _ in hang_ups:
        await _reload_keys(services, read_keys)
        if certificate is not None:
            await _reload_certificate(services.log, certificate)


async def tell_stalls(clock: LoopClock | None, log: Log) -> None:
    """Log for how long nobody has looked at what had arrived, whenever that was too long."""
    while clock is not None:
        log.warning("loop.stalled", seconds=round(await clock.stall(), 3))


async def _reload_keys(services: Services, read_keys: ReadKeys) -> None:
    try:
        keys = await trio.to_thread.run_sync(read_keys)
    except SettingsError as error:
        services.log.error("keys.not_reloaded", message="; ".join(map(str, error.mistakes)))
    else:
        services.keyring.replace(keys)
        services.log.info("keys.reloaded", keys=[key.name for key in keys])


async def _reload_certificate(log: Log, certificate: ServerCertificate) -> None:
    try:
        await trio.to_thread.run_sync(certificate.read_again)
    except TlsFault as fault:
        log.error("certificate.not_reloaded", message=str(fault))
    else:
        log.info("certificate.reloaded")


@dataclass(frozen=True, slots=True)
class _Listening:
    """How callers are met."""

    certificate: ServerCertificate | None
    idle_s: float
    open: Open
    told: Callable[[str], None]


async def _run(
    running: Application, settings: Settings, signals: AsyncIterator[int], listening: _Listening
) -> int:
    services, log, certificate = running.services, running.services.log, listening.certificate
    config = hypercorn_config(
        settings.host,
        settings.port,
        idle_s=listening.idle_s,
        graceful_s=settings.drain_timeout_s + LAST_ANSWERS_S,
    )
    close_listener, served = trio.Event(), trio.Event()

    async def answer_callers(task_status: trio.TaskStatus[str]) -> None:
        try:
            await _server(settings, listening)(
                create_app(services),
                config,
                log,
                close_listener,
                tls=None if certificate is None else lambda: certificate.context,
                task_status=task_status,
            )
        finally:
            served.set()

    status = EXIT_CUT  # also when stopped at once, by a second signal
    async with trio.open_nursery() as nursery:
        await nursery.start(running.supervisor.run)
        services.readiness.started = True
        nursery.start_soon(tell, services)
        try:
            url = await nursery.start(answer_callers)
        except OSError as error:
            at = f"{settings.host} port {settings.port} (SMSP_HOST, SMSP_PORT)"
            raise OSError(f"cannot listen on {at}: {error.strerror}") from error
        log.info("server.started", url=url, version=services.version)
        listening.told(url)
        await anext(signals)
        nursery.start_soon(_stop_at_once_on_another, signals, nursery.cancel_scope)
        status = await _stop(running, settings, close_listener, served)
        nursery.cancel_scope.cancel()
    return status


def _server(settings: Settings, listening: _Listening) -> Listen:
    limits = Limits(connections_max=connections_max())
    match settings.server:
        case "smsp":
            return partial(listen, limits=limits, open_listening=listening.open)
        case "hypercorn":
            return hypercorn.listen


def connections_max() -> int:
    """How many callers' connections there may be, having raised the limit of open files to what the
    system allows: its usual one is for programs that ask for no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = files_max(soft, hard)
    if files != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return connections_among(files)


def files_max(soft: int, hard: int) -> int:
    """How many files may be open, if the limit is raised as far as is allowed and of use. The two
    limits are as ``resource`` tells them."""
    if soft == resource.RLIM_INFINITY:
        return soft
    return max(
        soft, DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    )


def connections_among(files: int) -> int:
    """How many callers' connections there may be among so many files: half of them, since each may
    need one to a provider."""
    most = Limits().connections_max
    return most if files == resource.RLIM_INFINITY else min(most, files // 2)


def _certificate(settings: Settings) -> ServerCertificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return ServerCertificate(settings.tls_cert, settings.tls_key)


async def _stop(
    running: Application, settings: Settings, close_listener: trio.Event, served: trio.Event
) -> int:
    services = running.services
    services.log.info("server.draining")
    services.readiness.draining = True
    await trio.sleep(settings.drain_delay_s)
    close_listener.set()
    services.intake.end(settings.drain_timeout_s)
    services.watching.feed.end()
    status = EXIT_CUT
    with trio.move_on_after(settings.drain_timeout_s):
        await served.wait()
        status = EXIT_DRAINED
    if status == EXIT_CUT:
        running.supervisor.cut()
        with trio.move_on_after(LAST_ANSWERS_S):
            await served.wait()
    await running.supervisor.drain(LAST_ANSWERS_S)
    return status


async def _stop_at_once_on_another(
    signals: AsyncIterator[int], everything: trio.CancelScope
) -> None:
    await anext(signals)
    everything.cancel()
