"""``python -m functional_tests.load.turns``: how long any body holds up everybody else.

Each body of :mod:`functional_tests.load.bodies` is posted to a whole SMSP with twelve providers,
all of which are given the message in turn, since each refuses it. Meanwhile somebody looks at the
clock every millisecond: by how much that is late is how long nobody else was served, be it that
the loop was at work or that a thread did not let go of Python's lock. Of several tries the best one
counts, for what else a machine does is not SMSP's. Status 1 if a bound was missed.

Needs the inside: it looks at the clock of SMSP's own loop.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import httpx
import trio

from functional_tests.load.bodies import KIB, MIB, REFUSED, TAKEN
from smsp.providers import KINDS
from smsp.providers.http.phases import ON_PHASE, Phase
from smsp.serve import spare_the_collector
from smsp.settings import load
from smsp.telemetry.log import Telemetry
from smsp.web.app import App, create_app
from smsp.wiring import application
from tests.kit.asgi import Caller
from tests.kit.environments import KEY
from tests.kit.web import FakeLog

SMALL_MS_MAX, LARGE_MS_MAX = 50.0, 100.0
"""For bodies below 1 MiB, and for any."""
SIZES = (60 * KIB, 250 * KIB, 1020 * KIB, 24 * MIB)
TRIES = 3
LOOK_S = 0.001
PIECE_BYTES = 64 * KIB

_OWN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "mailgun": {"API_KEY": "key-of-mailgun", "DOMAIN": "mail.example.com"},
        "ses": {
            "ACCESS_KEY_ID": "id-of-amazon",
            "SECRET_ACCESS_KEY": "key-of-amazon",
            "REGION": "eu-west-1",
        },
        "postmark": {"SERVER_TOKEN": "token-of-postmark"},
        "mailjet": {"API_KEY": "key-of-mailjet", "SECRET_KEY": "secret-of-mailjet"},
        "mailersend": {"API_TOKEN": "token-of-mailersend"},
        "mailtrap": {"API_TOKEN": "token-of-mailtrap"},
        "postal": {"API_KEY": "key-of-postal", "BASE_URL": "https://postal.example.com"},
        "scaleway": {
            "SECRET_KEY": "key-of-scaleway",
            "PROJECT_ID": "6d0b5f0e-3c1b-4c1e-9c3a-2f6a3c8f0a11",
        },
    }
)


class Sink(httpx.AsyncBaseTransport):
    """Every provider: takes all at once, and refuses it for a reason that nobody understands."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """What a transport of ours says of itself, and no network."""
        on_phase = request.extensions[ON_PHASE]
        on_phase(Phase.WRITING)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            pass
        on_phase(Phase.WRITTEN)
        return httpx.Response(400, stream=httpx.ByteStream(b""))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m functional_tests.load.turns", description=__doc__
    )
    parser.add_argument("--only", default="", help="part of the names of the bodies")
    parser.add_argument("--tries", type=int, default=TRIES, help=f"of each body ({TRIES})")
    chosen = parser.parse_args()
    missed = trio.run(_all, chosen.only, chosen.tries)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


async def _all(only: str, tries: int) -> list[str]:
    spare_the_collector("")
    missed = []
    async with _app() as app:
        for name, shape in (TAKEN | REFUSED).items():
            if only not in name:
                continue
            for size in SIZES:
                body = shape(size)
                status, late_ms = await _best(app, body, tries)
                bound_ms = SMALL_MS_MAX if len(body) < MIB else LARGE_MS_MAX
                print(
                    f"{name:38} {len(body) / KIB:9,.0f} KiB  {status}  {late_ms:7.1f} ms",
                    flush=True,
                )
                assert status in (400, 413, 422), name
                if late_ms > bound_ms:
                    missed.append(f"{name}, {len(body) / KIB:,.0f} KiB")
    return missed


async def _best(app: App, body: bytes, tries: int) -> tuple[int, float]:
    results = [await _post(app, body, str(number)) for number in range(tries)]
    return results[0][0], min(late_ms for _, late_ms in results)


async def _post(app: App, body: bytes, key: str) -> tuple[int, float]:
    """The status, and by how much somebody else was late at most."""
    caller = Caller(app, headers={"X-API-KEY": KEY, "Idempotency-Key": f"{id(body)}-{key}"})
    pieces = [body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES)]
    for piece in pieces:
        caller.says(piece, more=piece is not pieces[-1])
    late_s = 0.0

    async def look_at_the_clock() -> None:
        nonlocal late_s
        while True:
            due = trio.current_time() + LOOK_S
            await trio.sleep_until(due)
            late_s = max(late_s, trio.current_time() - due)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_at_the_clock)
        await caller.exchange()
        nursery.cancel_scope.cancel()
    assert caller.status is not None
    return caller.status, late_s * 1000


@asynccontextmanager
async def _app():
    kinds = [kind for kind in KINDS if kind != "smtp"]
    environ = {
        "SMSP_API_KEY": KEY,
        "SMSP_POLL_MESSAGE_ADDRESS": "poll@mail.example.com",
        "SMSP_PROVIDERS": ",".join(kinds),
        "SMSP_CALL_TIMEOUT": "60",
    }
    for kind in kinds:
        for name, value in _OWN.get(kind, {"API_KEY": f"key-of-{kind}"}).items():
            environ[f"SMSP_{kind.upper()}_{name}"] = value
    transport_for: Callable[..., httpx.AsyncBaseTransport] = lambda *_: Sink()  # noqa: E731
    async with (
        application(load(environ), Telemetry(FakeLog()), transport_for) as built,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(built.supervisor.run)
        yield create_app(built.services)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    main()
