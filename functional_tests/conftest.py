"""What the black-box tests run against: processes of our own, or an SMSP named from outside.

``SMSP_PROTOCOL``, ``SMSP_HOST_PORT`` and ``SMSP_API_KEY`` name a running SMSP in mock mode; the
tests that need no more than that are then run against it (``test_first_smsp.py``). Every process
started here has its log shown when a test fails, and is ended and waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

import orjson
import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import Process, running
from functional_tests.kit.simulators import Simulators, settings_for
from functional_tests.kit.smsp import KEY, Smsp, bugs_in

T = TypeVar("T")

RUNNING = pytest.StashKey[list[Process]]()
LOG_CHARACTERS_SHOWN = 20_000
START_WITHIN_S = 60.0
"""Most of a start is importing, of which a busy machine does little at a time."""

StartSmsp = Callable[..., Smsp]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Show with a failure what the processes have printed."""
    report = yield
    if report.failed:
        for process in item.session.stash.get(RUNNING, ()):
            report.sections.append((f"log of {process.name}", process.log[-LOG_CHARACTERS_SHOWN:]))
    return report


@pytest.fixture(scope="session")
def register(request) -> list[Process]:
    """The processes that are running now."""
    return request.session.stash.setdefault(RUNNING, [])


@pytest.fixture(scope="session")
def simulators(register, tmp_path_factory) -> Iterator[Simulators]:
    """Both providers, simulated. Who uses them mends them, and empties the outbox, first."""
    log_path = tmp_path_factory.mktemp("simulators") / "log"
    process = Process("the simulators", ["smsp.simulator"], {}, log_path)
    with running(process, register):
        where = _started("the simulators", lambda: _first_line(process))
        with closing(Simulators(orjson.loads(where))) as simulators:
            yield simulators


def pytest_configure(config):
    config.addinivalue_line("markers", "ours_alone: the other server is not asked, nor promises it")


def pytest_generate_tests(metafunc):
    """A file with ``SERVERS`` runs once with each of them, but for what is ``ours_alone``."""
    servers = getattr(metafunc.module, "SERVERS", None)
    if metafunc.definition.get_closest_marker("ours_alone") is not None:
        servers = ("smsp",)
    if servers is not None and "server" in metafunc.fixturenames:
        metafunc.parametrize("server", servers, indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(request) -> str:
    """What has callers' connections."""
    return getattr(request, "param", "smsp")


@pytest.fixture(scope="module")
def shared_smsp(request, server, simulators, register, tmp_path_factory) -> Iterator[Smsp]:
    """One SMSP in front of the simulators for a whole file, whose ``SETTINGS`` may change some; a
    function of the simulators where they need an address."""
    changes = getattr(request.module, "SETTINGS", {})
    changes = changes(simulators) if callable(changes) else changes
    settings = settings_for(simulators, SERVER=server, **changes)
    with running_smsp(settings, register, tmp_path_factory.mktemp("smsp") / "log") as smsp:
        yield smsp


@pytest.fixture
def smsp(shared_smsp, simulators) -> Smsp:
    """The same as if new: every provider up, every circuit closed, the outbox empty."""
    simulators.mend()
    shared_smsp.release_all()
    shared_smsp.wait_until_quiet()
    simulators.forget()
    return shared_smsp


@pytest.fixture
def start_smsp(server, simulators, register, tmp_path) -> Iterator[StartSmsp]:
    """Start an SMSP in front of the simulators with settings of a test's own; once, or more."""
    simulators.mend()
    simulators.forget()
    numbers = count(1)
    with ExitStack() as stack:

        def start(**changes: str) -> Smsp:
            settings = settings_for(simulators, SERVER=server, **changes)
            log_path = tmp_path / f"log-{next(numbers)}"
            return stack.enter_context(running_smsp(settings, register, log_path))

        yield start


@pytest.fixture
def start_alone(server, register, tmp_path) -> Iterator[Callable[[Mapping[str, str]], Smsp]]:
    """Start an SMSP with these variables and nothing of ours behind it."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(
            running_smsp({"SMSP_SERVER": server, **settings}, register, tmp_path / "smsp.log")
        )


@pytest.fixture(scope="module")
def mock_smsp(register, tmp_path_factory) -> Iterator[Smsp]:
    """The SMSP that is named from outside, else one in mock mode of our own."""
    named = os.environ.get("SMSP_HOST_PORT")
    if named is not None:
        url = f"{os.environ.get('SMSP_PROTOCOL', 'http')}://{named}"
        with closing(Smsp(url, os.environ["SMSP_API_KEY"])) as smsp:
            yield smsp
        return
    settings = {
        "SMSP_MOCK_EMAIL_SERVICE": "true",
        "SMSP_CALL_TIMEOUT": "0.3",
        "SMSP_POLL_INTERVAL": "2",
        "SMSP_SETTLE_TIMEOUT": "1",
    }
    with running_smsp(settings, register, tmp_path_factory.mktemp("mock") / "log") as smsp:
        yield smsp


@contextmanager
def running_smsp(
    settings: Mapping[str, str], register: list[Process], log_path: Path
) -> Iterator[Smsp]:
    """``smsp serve`` on a free port; a test must not leave a bug's trace in its log."""
    environ = {
        "SMSP_API_KEY": KEY,
        "SMSP_PORT": "0",
        "SMSP_LOG_OUTPUT_FORMAT": "JSON_ONELINE",
        **settings,
    }
    with running(Process("smsp", ["smsp", "serve"], environ, log_path), register) as process:
        started = _started("smsp", lambda: process.event("server.started"))
        with closing(Smsp(started["url"], KEY, process)) as smsp:
            yield smsp
        process.end()
        assert bugs_in(process) == []


def _started(name: str, look: Callable[[], T]) -> T:
    return eventually(look, f"{name} has started", within_s=START_WITHIN_S)


def _first_line(process: Process) -> str | None:
    process.check_alive()
    line, end, _ = process.log.partition("\n")
    return line if end else None
