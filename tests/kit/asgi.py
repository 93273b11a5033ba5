"""A caller and its server in one, below Quart's test client: the test says when each piece of a
request comes, and sees each message of the answer. No sockets.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any

import trio

from tests.kit.web import KEY

App = Callable[..., Awaitable[None]]


class Caller:
    """One request to an ASGI application, whose body comes when the test says so.

    ``told`` are the messages of the answer so far. Sending does what a server does: with the
    last piece of the answer the application is told that the exchange is over.
    """

    def __init__(
        self,
        app: App,
        path: str = "/email",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> None:
        given = {"X-API-KEY": KEY, "Content-Type": "application/json"} | dict(headers or {})
        self._app = app
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.1"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), text.encode()) for name, text in given.items()],
            "client": ("192.0.2.1", 50000),
            "server": ("192.0.2.2", 8080),
            "extensions": {},
            "state": {},
        }
        self._say, self._hear = trio.open_memory_channel[dict[str, Any]](inf)
        self.told: list[dict[str, Any]] = []
        self._reading = trio.Event()
        self._reading.set()

    def says(self, body: bytes, *, more: bool = False) -> None:
        """A piece of the body comes."""
        self._say.send_nowait({"type": "http.request", "body": body, "more_body": more})

    def hangs_up(self) -> None:
        """The connection is gone."""
        self._say.send_nowait({"type": "http.disconnect"})

    def stops_reading(self) -> None:
        """From now on whoever writes to this caller has to wait."""
        self._reading = trio.Event()

    def reads_on(self) -> None:
        """The caller reads what has been written meanwhile, and everything after."""
        self._reading.set()

    async def exchange(self) -> None:
        """Let the application handle the request to its end."""
        with self._say, self._hear:
            await self._app(self.scope, self._hear.receive, self._told)

    @property
    def status(self) -> int | None:
        """The status of the answer, once it has begun."""
        return next((one["status"] for one in self.told if "status" in one), None)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, by their names in lower case."""
        (start,) = (one for one in self.told if "status" in one)
        return {name.decode(): text.decode() for name, text in start["headers"]}

    @property
    def json(self) -> Any:
        """The body of the answer so far."""
        return json.loads(b"".join(one.get("body", b"") for one in self.told))

    @property
    def over(self) -> bool:
        """Whether the answer's last piece has come."""
        return any(
            one["type"] == "http.response.body" and not one["more_body"] for one in self.told
        )

    async def _told(self, message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.told.append(message)
        await self._reading.wait()
        if self.over:
            self.hangs_up()
