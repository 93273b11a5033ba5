"""How much memory bodies take, in a process of their own: never more than the README's formula.

The provider takes connections and reads nothing, so that every message that is taken stays where
it is. What is measured is the most that the process had at once, fragments of its heap included.
"""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY, Smsp
from functional_tests.load.bodies import KIB, MIB, REFUSED, TAKEN
from tests.kit.documents import block

BODY_BYTES, BUFFERED_BYTES = 25 * MIB, 256 * MIB
"""The defaults of SMSP_MAX_BODY_BYTES and SMSP_MAX_BUFFERED_BYTES."""


def formula(body_bytes: int, buffered_bytes: int) -> int:
    """What the README says that a process takes at most."""
    return 100 * MIB + 2 * buffered_bytes + 10 * body_bytes


@pytest.fixture
def hole() -> Iterator[str]:
    """Where connections are taken and nothing is read."""
    with socket.create_server(("127.0.0.1", 0), backlog=300) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(params=["mailgun", "sendgrid", "ses"])
def smsp(request, hole, start_alone) -> Iterator[Smsp]:
    """In front of one provider: that takes a form, JSON with files, JSON with a message in it."""
    own = {
        "mailgun": {"API_KEY": "key-of-mailgun", "DOMAIN": "mail.example.com"},
        "sendgrid": {"API_KEY": "key-of-sendgrid"},
        "ses": {
            "ACCESS_KEY_ID": "id",
            "SECRET_ACCESS_KEY": "key-of-amazon",
            "REGION": "eu-west-1",
        },
    }[request.param]
    prefix = f"SMSP_{request.param.upper()}"
    smsp = start_alone(
        {
            "SMSP_PROVIDERS": request.param,
            "SMSP_POLL_MESSAGE_ADDRESS": "poll@mail.example.com",
            "SMSP_CALL_TIMEOUT": "120",
            f"{prefix}_BASE_URL": hole,
            **{f"{prefix}_{name}": value for name, value in own.items()},
        }
    )
    yield smsp
    smsp.process.kill()


def test_ten_large_files(smsp):
    """23 MiB each: in memory once, as they were meant; not twice while they come and are read."""
    body = TAKEN["one file"](23 * MIB)
    before = resident(smsp)
    with posted(smsp, [body] * 10):
        eventually(lambda: in_flight(smsp) == 10, "all are being written", within_s=60)
        assert resident(smsp) - before < 1.0 * 10 * len(body)
        assert most_resident(smsp) - before < 1.6 * 10 * len(body)


@pytest.mark.parametrize("smsp", ["sendgrid"], indirect=True)
@pytest.mark.parametrize("name", ["objects", "objects alone", "short strings", "empty lists"])
def test_bodies_that_would_become_many_objects(smsp, name):
    """22 MiB of ``{"":0}`` and the like are refused, and nothing is made of them."""
    body = REFUSED[name](22 * MIB)
    before = resident(smsp)
    with posted(smsp, [body] * 10) as statuses:
        eventually(lambda: len(statuses()) == 10, "all are answered", within_s=60)
        assert set(statuses()) == {422}
        assert most_resident(smsp) - before < 1.6 * 10 * len(body)


@pytest.mark.parametrize("smsp", ["sendgrid"], indirect=True)
@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("text", 23 * MIB, 16),
        ("text, one face", 10 * MIB, 20),
        ("text, escaped faces", 23 * MIB, 16),
        ("a hundred files", 23 * MIB, 16),
        ("everything", 23 * MIB, 12),
        ("long names of recipients", 1020 * KIB, 150),
        ("recipients in capitals", 250 * KIB, 200),
    ],
)
def test_more_than_there_is_room_for(smsp, name, size, count):
    """Whatever the bodies are made of: what there is room for is taken, the rest is ``busy``, and
    the process takes no more than the formula says."""
    body = TAKEN[name](size)
    with posted(smsp, [body] * count) as statuses:
        taken_or_not = partial(_taken_or_not, smsp, statuses)
        eventually(lambda: taken_or_not() == count, "all are taken or refused", within_s=60)
        assert set(statuses()) <= {503}
        assert in_flight(smsp) > 1
        assert most_resident(smsp) < formula(BODY_BYTES, BUFFERED_BYTES)


def test_the_formula_is_the_readme_s():
    """It stands there, and the manifest gives a node of the defaults as much."""
    readme = (Path(__file__).parent / "README.md").read_text("utf-8")
    words = "100 MiB + 2 × `SMSP_MAX_BUFFERED_BYTES` + 10 × `SMSP_MAX_BODY_BYTES`"
    assert words in readme
    (gibibytes,) = re.findall(r"limits: \{memory: (\d+)Gi\}", block("kubernetes"))
    assert formula(BODY_BYTES, BUFFERED_BYTES) <= int(gibibytes) * 1024 * MIB


@contextmanager
def posted(smsp: Smsp, bodies: list[bytes]) -> Iterator[Callable[[], list[int]]]:
    """So many bodies, all at once. Given is who tells the statuses of the answers so far. In the
    end the process is killed, since most wait for an answer still."""
    port = int(smsp.url.rpartition(":")[2])
    statuses: list[int] = []

    def post(body: bytes) -> None:
        headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
        with (
            closing(http.client.HTTPConnection("127.0.0.1", port)) as connection,
            suppress(OSError, http.client.HTTPException),
        ):
            with suppress(OSError):  # Refused before all was said, and the answer is there.
                connection.request("POST", "/email", body, headers)
            with closing(connection.getresponse()) as response:
                statuses.append(response.status)

    threads = [Thread(target=post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield lambda: [*statuses]
    finally:
        smsp.process.kill()
        for thread in threads:
            thread.join()


def _taken_or_not(smsp: Smsp, statuses: Callable[[], list[int]]) -> int:
    return in_flight(smsp) + len(statuses())


def in_flight(smsp: Smsp) -> int:
    """How many messages are being written."""
    (only,) = smsp.providers()
    return only["in_flight"]


def resident(smsp: Smsp) -> int:
    """What the process has in memory now, in bytes; the most it has had counts from here."""
    Path(f"/proc/{smsp.process.pid}/clear_refs").write_text("5")
    return _status(smsp, "VmRSS")


def most_resident(smsp: Smsp) -> int:
    """The most it has had at once."""
    return _status(smsp, "VmHWM")


def _status(smsp: Smsp, name: str) -> int:
    text = Path(f"/proc/{smsp.process.pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) * KIB
