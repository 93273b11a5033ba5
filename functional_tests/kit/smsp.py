"""SMSP as its callers and its operators see it: over HTTP, and through its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import Process

KEY = "functional-tests-own-key"
PATIENCE_S = 30.0
BUGS = frozenset({"adapter.failed", "actor.restarted", "actor.quarantined", "request.failed"})
"""Events that must not happen, whatever providers and callers do."""


@dataclass(frozen=True)
class Answer:
    """One answer to ``POST /email``."""

    status: int
    body: Mapping
    headers: Mapping[str, str] = field(repr=False)

    @property
    def id(self) -> str | None:
        """SMSP's id for the message; none if it got no further than the door."""
        return self.body.get("id")

    @property
    def outcome(self) -> str | None:
        """``sent``, ``rejected``, ``not_sent`` or ``unknown``; none likewise."""
        return self.body.get("outcome")

    @property
    def attempts(self) -> list[tuple[str, str, str]]:
        """Provider, outcome and reason of each attempt."""
        rows = self.body.get("attempts", ())
        return [(row["provider"], row["outcome"], row["reason"]) for row in rows]


class Smsp:
    """A running SMSP. ``process`` is None if somebody else has started it."""

    def __init__(self, url: str, key: str, process: Process | None = None) -> None:
        self.url = url
        self.process = process
        self.http = httpx.Client(
            base_url=url,
            headers={"X-API-KEY": key},
            timeout=PATIENCE_S,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    def send(
        self,
        to: str = "bob@example.org",
        *,
        headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> Answer:
        """Send one message. The four fields of the first SMSP, unless told otherwise."""
        message = {
            "fromaddress": "alice@mail.example.com",
            "toaddress": to,
            "subject": "hello",
            "plaintextbody": "Hello.",
        }
        return _answer(self.http.post("/email", json=message | fields, headers=headers))

    def post(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Post to ``/email`` what may be no message at all."""
        return _answer(self.http.post("/email", content=content, headers=headers))

    def became_of(self, message: str) -> dict:
        """What SMSP knows of a message by its id."""
        return self.http.get(f"/email/{message}").raise_for_status().json()

    def provider(self, name: str) -> dict:
        """The snapshot of one provider's actor."""
        return self.http.get(f"/providers/{name}").raise_for_status().json()

    def providers(self) -> list[dict]:
        """The snapshots of all, in routing order."""
        return self.http.get("/providers").raise_for_status().json()["providers"]

    def states(self) -> dict[str, str]:
        """The state of every circuit by its provider's name."""
        return {one["name"]: one["state"] for one in self.providers()}

    def openings(self, name: str) -> list[tuple[str, str]]:
        """When and why this provider's circuit has opened so far, as far as it remembers."""
        moves = self.provider(name)["transitions"]
        return [(move["at"], move["reason"]) for move in moves if move["to"] == "open"]

    def wait_for_state(self, name: str, state: str) -> None:
        """Return when this provider's circuit is in this state."""
        eventually(lambda: self.provider(name)["state"] == state, f"{name} is {state}")

    def release_all(self) -> None:
        """Have every circuit forget that its polls passed while its mail failed: after many faults
        in a row it would wait ever longer."""
        for one in self.providers():
            name = one["name"]
            self.http.put(f"/providers/{name}/circuit", json={"state": "auto"}).raise_for_status()

    def wait_until_quiet(self) -> None:
        """Return when every circuit is closed and no call is under way, settling ones included."""
        eventually(self._is_quiet, "all circuits closed, and nothing in flight")

    def _is_quiet(self) -> bool:
        return all(one["state"] == "closed" and not one["in_flight"] for one in self.providers())

    def close(self) -> None:
        """Close our connections to it."""
        self.http.close()


def bugs_in(process: Process) -> list[dict]:
    """Events in the log of a server that tell of a bug."""
    return [event for event in process.events if event.get("event") in BUGS]


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.json(), response.headers)
