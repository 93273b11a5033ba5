"""Three simulated providers, each a process of its own that can be killed and comes back.

Owns the processes, their ports, certificates and journals. What befalls them, and when, is the
weather's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import trustme

from functional_tests.kit.polling import eventually
from functional_tests.kit.ports import free_port
from functional_tests.kit.processes import Process
from functional_tests.kit.simulators import account_at

KINDS = {"mailgun": "mailgun", "sendgrid": "sendgrid", "postmark-eu": "postmark"}
"""The providers by their names with SMSP, which are those of their journals too. The last one
refuses single recipients."""
ENCRYPTED = frozenset({"sendgrid", "postmark-eu"})
"""Those that are spoken to over TLS."""
HOST = "127.0.0.1"
START_WITHIN_S = 60.0


class Provider:
    """One of them. Its port and its journal are the same in every life."""

    def __init__(self, name: str, folder: Path, seed: int, certificate: Path | None) -> None:
        self.name = name
        self.kind = KINDS[name]
        self.journal = folder / f"{name}.journal"
        self._folder = folder
        self._certificate = certificate
        self._lives = 0
        self._seed = seed
        self._port, self._control_port = free_port(), free_port()
        self._control = httpx.Client(
            base_url=f"http://{HOST}:{self._control_port}", trust_env=False
        )

    @property
    def settings(self) -> dict[str, str]:
        """The variables of an account here."""
        scheme = "http" if self._certificate is None else "https"
        own = account_at(f"{scheme}://{HOST}:{self._port}", self.name, self.kind)
        return {f"SMSP_{setting}": value for setting, value in own.items()}

    def start(self) -> None:
        """Begin a life; returns when it takes mail."""
        self._lives += 1
        command = ["smsp.simulator", "--only", self.kind, "--journal", str(self.journal)]
        command += [f"--{self.kind}-port", str(self._port)]
        if self._certificate is not None:
            command += ["--tls", str(self._certificate)]
        # Another life is another stretch of chance.
        command += [
            "--control-port",
            str(self._control_port),
            "--seed",
            str(self._seed + self._lives),
        ]
        log_path = self._folder / f"{self.name}.{self._lives}.log"
        self.process = Process(self.name, command, {}, log_path)
        eventually(self._is_up, f"{self.name} has started", within_s=START_WITHIN_S)

    def _is_up(self) -> bool:
        self.process.check_alive()
        return "\n" in self.process.log

    def kill(self) -> None:
        """End its life by SIGKILL."""
        self.process.kill()

    def turn(self, position: str) -> None:
        """Turn its switch."""
        self._control.put(f"/providers/{self.kind}", content=position).raise_for_status()

    def mix(self, shares: Mapping[str, float]) -> None:
        """Let these faults meet their shares of what it is asked."""
        body = orjson.dumps(shares)
        self._control.put(f"/providers/{self.kind}/faults", content=body).raise_for_status()

    def end(self) -> None:
        """End it for good."""
        self._control.close()
        self.process.end()


@dataclass(frozen=True)
class Providers:
    """All of them."""

    each: Mapping[str, Provider]
    authority: Path

    @property
    def settings(self) -> dict[str, str]:
        """The variables of an SMSP that has an account with each, and trusts who vouches for
        them."""
        settings = {
            "SMSP_PROVIDERS": ",".join(self.each),
            "SSL_CERT_FILE": str(self.authority),
        }
        for provider in self.each.values():
            settings |= provider.settings
        return settings

    @property
    def journals(self) -> dict[str, Path]:
        """Where each writes what it takes."""
        return {name: provider.journal for name, provider in self.each.items()}


@contextmanager
def providers(folder: Path, seed: int) -> Iterator[Providers]:
    """Three providers while the block runs."""
    authority, certificate = _issue(folder)
    each = {
        name: Provider(name, folder, seed, certificate if name in ENCRYPTED else None)
        for name in KINDS
    }
    started = []
    try:
        for provider in each.values():
            provider.start()
            started.append(provider)
        yield Providers(each, authority)
    finally:
        for provider in started:
            provider.end()


def _issue(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate with its key by which providers are known."""
    authority = trustme.CA()
    trusted, certificate = folder / "authority.pem", folder / "providers.pem"
    authority.cert_pem.write_to_path(trusted)
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(certificate)
    return trusted, certificate
