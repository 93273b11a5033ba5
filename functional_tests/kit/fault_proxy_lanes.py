"""One SMSP with many lanes, and its settings.

Owns the process and the proxies in front of its providers. What a lane proves not to have sent may
go on to the spare provider, which no proxy spoils. No circuit ever opens: one case must not hide
the next.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from math import ceil
from pathlib import Path
from types import MappingProxyType

import trio
import trustme

from functional_tests.kit.fault_proxy import FAULTLESS, Act, FaultProxy, Script, Way
from functional_tests.kit.fault_proxy_lane import Case, Lane, each
from functional_tests.kit.fault_proxy_tls import TlsDoor
from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import Process, running
from functional_tests.kit.simulators import Simulators, account_at, settings_for
from functional_tests.kit.smsp import KEY, Smsp, bugs_in
from smsp.simulator.loopback import HOST
from tests.kit.peer import Peer

PROGRAMS: Mapping[str, Sequence[str]] = MappingProxyType(
    {"own": ("smsp", "serve"), "stock": ("functional_tests.load.peers.smsp_stock",)}
)
"""SMSP by the name of its transport to providers."""
KINDS: Mapping[str, int] = MappingProxyType(
    {
        "patient-sendgrid": 16,
        "patient-mailgun": 16,
        "hasty-sendgrid": 64,
        "hasty-mailgun": 64,
        "tls-sendgrid": 16,
    }
)
"""How many lanes there are of each kind. SMSP is patient with a provider, or hasty."""
SPARE = "spare"
PATIENT_S, HASTY_S = 20.0, 0.75
START_WITHIN_S = 60.0
_NOT_CONFIGURED = dict.fromkeys(
    (
        "MAILGUN_API_KEY",
        "MAILGUN_DOMAIN",
        "MAILGUN_BASE_URL",
        "SENDGRID_API_KEY",
        "SENDGRID_BASE_URL",
    ),
    "",
)


class Lanes:
    """An SMSP and its lanes, and how to use those of one kind."""

    def __init__(
        self,
        simulators: Simulators,
        smsp: Smsp,
        proxies: Mapping[str, FaultProxy],
        tls_door: TlsDoor,
    ) -> None:
        self.simulators = simulators
        self.smsp = smsp
        self._proxies = proxies
        self._tls_door = tls_door
        self._open_files_at_first = self.open_files

    @asynccontextmanager
    async def open(self, kind: str) -> AsyncIterator[list[Lane]]:
        """The lanes of this kind, while the block runs. The outbox is empty then."""
        self.simulators.forget()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._tls_door.run)
            lanes = [await self.lane(name) for name in self._proxies if name.startswith(kind)]
            for lane in lanes:
                await nursery.start(lane.proxy.run)
            yield lanes
            for lane in lanes:
                await lane.caller.stream.aclose()
            nursery.cancel_scope.cancel()

    async def lane(self, name: str) -> Lane:
        """A lane whose proxy does not run yet: its provider cannot be reached."""
        return Lane(name, self._proxies[name], await self.caller())

    async def at_every_byte(self, kind: str, way: str, act: Act) -> list[Case]:
        """One message for each number of bytes after which this can happen."""
        async with self.open(kind) as some:
            after = range(await self.length(some[0], way) + 1)
            return await each(some, [Script(**{way: Way(n, act)}) for n in after])

    async def at_some_bytes(self, kind: str, way: str, act: Act) -> list[Case]:
        """Likewise, but only as many as there are lanes; the first and the last are in, and one
        where it does not happen."""
        async with self.open(kind) as some:
            length = await self.length(some[0], way)
            step = ceil(length / (len(some) - 2))
            after = [*range(0, length, step), length, 2 * length]
            return await each(some, [Script(**{way: Way(n, act)}) for n in after])

    async def length(self, lane: Lane, way: str) -> int:
        """How many bytes pass this way if nothing happens. To be asked before anything counts."""
        case = await lane.send(FAULTLESS)
        assert case.told == ("sent accepted",)
        self.simulators.forget()
        return len(getattr(case.met, way))

    async def caller(self, port: int | None = None) -> Peer:
        """A connection of one more caller, straight to SMSP or to this port."""
        to = self.port if port is None else port
        return Peer(await trio.open_tcp_stream(HOST, to))

    @property
    def port(self) -> int:
        """Where SMSP listens."""
        return int(self.smsp.url.rpartition(":")[2])

    @property
    def open_files(self) -> int:
        """How many SMSP has."""
        assert self.smsp.process is not None
        return self.smsp.process.open_files

    def check_open_files(self) -> None:
        """Fail if more connections have been forgotten open than may be idle."""
        idle_max = 2 * len(self._proxies)  # One for each lane, and as many to the spare provider.
        assert self.open_files <= self._open_files_at_first + idle_max


@contextmanager
def running_lanes(
    simulators: Simulators,
    program: Sequence[str],
    register: list[Process],
    folder: Path,
    kinds: Mapping[str, int] = KINDS,
    *,
    secure: bool = False,
) -> Iterator[Lanes]:
    """An SMSP run by this program, which keeps its log and a certificate in this folder.

    ``secure``: it speaks TLS in every lane, and what is spoilt is what it says through that.
    """
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert(HOST).configure_cert(tls)
    with ExitStack() as stack:
        tls_door = stack.enter_context(closing(TlsDoor(_port(simulators, "sendgrid"), tls)))
        proxies = {
            f"{kind}-{index:02d}": stack.enter_context(closing(proxy))
            for kind, number in kinds.items()
            for index in range(number)
            if (proxy := _proxy(kind, simulators, tls_door, tls if secure else None))
        }
        environ = _environ(simulators, proxies, secure) | {
            "SSL_CERT_FILE": str(folder / "authority.pem")
        }
        process = Process("smsp", program, environ, folder / "log")
        stack.enter_context(running(process, register))
        started = eventually(
            lambda: process.event("server.started"), "smsp has started", within_s=START_WITHIN_S
        )
        smsp = stack.enter_context(closing(Smsp(started["url"], KEY, process)))
        yield Lanes(simulators, smsp, proxies, tls_door)
        process.end()
        assert bugs_in(process) == []


def _proxy(
    kind: str, simulators: Simulators, tls_door: TlsDoor, near_tls: ssl.SSLContext | None
) -> FaultProxy:
    """Where encrypted bytes are spoilt the lane is secure anyway."""
    near_tls = None if kind.startswith("tls") else near_tls
    return FaultProxy(_far(kind, simulators, tls_door), tests_near=True, near_tls=near_tls)


def _far(kind: str, simulators: Simulators, tls_door: TlsDoor) -> int:
    speed, provider = kind.split("-")
    return tls_door.port if speed == "tls" else _port(simulators, provider)


def _port(simulators: Simulators, provider: str) -> int:
    return int(simulators.urls[provider].rpartition(":")[2])


def _environ(
    simulators: Simulators, proxies: Mapping[str, FaultProxy], secure: bool
) -> dict[str, str]:
    changes = {
        "API_KEY": KEY,
        "PORT": "0",
        "LOG_OUTPUT_FORMAT": "JSON_ONELINE",
        "TRIP": "consecutive:1000",
        "SETTLE_TIMEOUT": "20",
        "PROVIDERS": ",".join([*proxies, SPARE]),
        **account_at(simulators.urls["sendgrid"], SPARE, "sendgrid", TIMEOUT=f"{PATIENT_S:g}"),
    }
    for name, proxy in proxies.items():
        speed, kind, _ = name.split("-")
        scheme = "https" if secure or speed == "tls" else "http"
        timeout_s = HASTY_S if speed == "hasty" else PATIENT_S
        changes |= account_at(
            f"{scheme}://{HOST}:{proxy.port}",
            name,
            kind,
            TIMEOUT=f"{timeout_s:g}",
            FROM_DOMAINS=f"{name}.example",
        )
    return settings_for(simulators, **_NOT_CONFIGURED, **changes)
