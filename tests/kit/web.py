"""What stands behind the routes, for tests of the HTTP face: a dispatcher that says what it is told
to, a log that remembers, and ``fake_services``, which puts them together.

A test makes its own ``FakeDispatcher`` when it wants to script or look at it::

    dispatcher = FakeDispatcher([dispatched(NotSent(Reason.UNAVAILABLE, Blame.PROVIDER))])
    client = create_app(fake_services(dispatcher=dispatcher)).test_client()
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from werkzeug.datastructures import Headers

import actors
from actors import Snapshot, State
from smsp.admission.budget import ByteBudget
from smsp.admission.keyring import Keyring
from smsp.keys import Key, Scope, digest_of
from smsp.mail import Mail, Submission
from smsp.mail.dispatched import Attempt, Dispatched, Route, Skipped, combine
from smsp.mail.outcome import AttemptRefused, Result, Sent
from smsp.sending.dispatcher import drive
from smsp.sending.ledger import Ledger
from smsp.sending.routing import Failover
from smsp.sending.steps import Answer as StepsAnswer
from smsp.sending.steps import AskCircuit, SendSteps, Settle
from smsp.telemetry.metrics import Metrics
from smsp.web.app import create_app
from smsp.web.services import Readiness, Services
from tests.kit.mails import SEND_ID

KEY = "a-key-of-some-length"
"""Has every scope."""
SEND_KEY = "a-key-that-can-only-send"
OBSERVE_KEY = "a-key-that-can-only-observe"
NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
"""The time of day of every test."""

Answer = Callable[[Submission], Awaitable[Dispatched]]


def snapshot(name: str = "mailgun", **overrides: Any) -> Snapshot:
    """A circuit that is closed and has seen nothing yet, but for these fields."""
    fields: dict[str, Any] = {
        "version": 1,
        "state": "closed",
        "reason": "started",
        "since": 0.0,
        "epoch": 1,
        "probing": False,
        "in_flight": 0,
        "settling": 0,
        "limit": 256,
        "max_in_flight": 256,
        "mailbox_depth": 0,
        "mailbox_capacity": 1024,
        "due_at": None,
        "last_probe": None,
        "last_failure": None,
        "counts": {},
        "restarts": 0,
        "alive": True,
        "draining": False,
        "transitions": (),
    }
    fields |= overrides
    return Snapshot(name=name, **fields | {"state": State(fields["state"])})


def dispatched(
    *results: Result, skipped: Sequence[Skipped] = (), retry_after_s: int | None = None
) -> Dispatched:
    """What became of a message that got these results from ``mailgun``, then ``sendgrid``.

    A call took 0.25 s, a refusal no time. No results: no provider could carry it.
    ``retry_after_s`` is 1 where it must be something.
    """
    names = ("mailgun", "sendgrid")[: len(results)]
    attempts = tuple(map(_attempt, names, results))
    outcome = combine(attempts) if attempts else "rejected"
    if outcome == "not_sent" and retry_after_s is None:
        retry_after_s = 1
    return Dispatched(SEND_ID, outcome, attempts, Route(names, tuple(skipped)), retry_after_s)


def _attempt(name: str, result: Result) -> Attempt:
    return Attempt(name, result, 0.0 if isinstance(result, AttemptRefused) else 0.25)


class FakeDispatcher:
    """Answers each send with the next of ``answers``, or with what the function of that name
    says; when a list has run out, the first provider takes the message.

    An answer gets the id of the send it answers, as the dispatcher's would. ``sends`` are those
    that came, ``deadlines`` theirs. ``published`` is what ``snapshots()`` tells, ``skipped`` what
    ``route()`` leaves out; both may be changed while a test runs.
    """

    def __init__(
        self,
        answers: list[Dispatched] | Answer | None = None,
        *,
        snapshots: Iterable[Snapshot] = (snapshot("mailgun"), snapshot("sendgrid")),
        skipped: Iterable[Skipped] = (),
    ) -> None:
        self.answers = [] if answers is None else answers
        self.published = tuple(snapshots)
        self.skipped = tuple(skipped)
        self.sends: list[Submission] = []
        self.deadlines: list[float] = []
        self.orders: list[tuple[str, str, float | None]] = []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.published)

    def snapshots(self) -> tuple[Snapshot, ...]:
        return self.published

    def route(self, mail: Mail) -> Route:
        left_out = {skip.provider for skip in self.skipped}
        return Route(tuple(name for name in self.names if name not in left_out), self.skipped)

    async def order(self, name: str, state: str, for_s: float | None) -> Snapshot:
        self.orders.append((name, state, for_s))
        return next(one for one in self.published if one.name == name)

    async def send(
        self, submission: Submission, fingerprint: bytes, *, deadline: float, ledger: Ledger
    ) -> StepsAnswer:
        steps = _ScriptedSteps(submission, fingerprint, deadline=deadline, failover=Failover.SAFE)
        return await drive(steps, ledger, self)

    async def ask(self, step: AskCircuit) -> Any:
        self.sends.append(step.submission)
        self.deadlines.append(step.deadline)
        if callable(self.answers):
            answer = await self.answers(step.submission)
        elif self.answers:
            answer = self.answers.pop(0)
        else:
            answer = dispatched(Sent("<from-the-provider@example.com>"))
        return replace(answer, id=step.submission.id)

    def snapshot_of_each(self) -> Mapping[str, Snapshot]:
        return {one.name: one for one in self.published}


class _ScriptedSteps(SendSteps):
    """A send like any other, but that one asking tells what becomes of the message in the end."""

    def on_claimed(self, beginning: Any, **told: Any) -> Any:
        one = Route(("the script",), ())
        return super().on_claimed(beginning, **(told | {"route": lambda _mail: one}))

    def on_reply(self, reply: Any, **told: Any) -> Any:
        super().on_reply(actors.Answered(Sent()), **told)
        return Settle(reply)


@dataclass
class FakeLog:
    """Remembers every event with its fields; ``level`` is one of them."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def debug(self, event: str, **fields: object) -> None:
        self.events.append((event, {"level": "debug", **fields}))

    def info(self, event: str, **fields: object) -> None:
        self.events.append((event, {"level": "info", **fields}))

    def warning(self, event: str, **fields: object) -> None:
        self.events.append((event, {"level": "warning", **fields}))

    def error(self, event: str, **fields: object) -> None:
        self.events.append((event, {"level": "error", **fields}))

    def told(self, event: str) -> list[dict[str, object]]:
        """The fields of every event of this name, in order."""
        return [fields for name, fields in self.events if name == event]


def fake_services(**overrides: Any) -> Services:
    """Services of a node that has started, with two closed circuits, but for these fields.

    Every provider is of the kind of its own name; every message gets ``SEND_ID``.
    """
    dispatcher = overrides.get("dispatcher") or FakeDispatcher()
    max_body_bytes = overrides.get("max_body_bytes", 1_000_000)
    fields: dict[str, Any] = {
        "dispatcher": dispatcher,
        "keyring": Keyring(
            (
                Key("all", digest_of(KEY)),
                Key("sender", digest_of(SEND_KEY), frozenset({Scope.SEND})),
                Key("watcher", digest_of(OBSERVE_KEY), frozenset({Scope.OBSERVE})),
            )
        ),
        "log": FakeLog(),
        "kinds": {name: name for name in dispatcher.names},
        "version": "1.2.3",
        "node": "node-1",
        "max_body_bytes": max_body_bytes,
        "body_budget": ByteBudget(10 * max_body_bytes),
        "ledger": Ledger(1000),
        "metrics": Metrics("1.2.3", dispatcher.snapshots, lambda: (0, 0)),
        "readiness": Readiness(started=True),
        "new_id": lambda: SEND_ID,
        "wall_clock": lambda: NOW,
    }
    return Services(**(fields | overrides))


MESSAGE: Mapping[str, object] = MappingProxyType(
    {
        "fromaddress": "shop@example.com",
        "toaddress": "alice@example.org",
        "subject": "Your order",
        "plaintextbody": "It is on its way.",
    }
)
"""The four fields of the first SMSP."""


def message(**changes: object) -> bytes:
    """The body of a request with these fields changed."""
    return json.dumps({**MESSAGE, **changes}).encode()


class Client:
    """Somebody with a key, who posts messages through Quart's test client, from ``peer``."""

    def __init__(self, services: Services, peer: str = "<local>") -> None:
        self.services = services
        self._scope = {"client": (peer, 50000)}
        self._http = create_app(services).test_client()

    async def ask(
        self, path: str, method: str = "GET", *, key: str | None = KEY, **request: Any
    ) -> Answered:
        """Any request. ``headers`` and ``data`` are what they are to the test client."""
        headers = dict(request.pop("headers", {}))
        if key is not None:
            headers = {"X-API-KEY": key} | headers
        response = await self._http.open(
            path, method=method, headers=headers, scope_base=self._scope, **request
        )
        return Answered(response.status_code, response.headers, await response.get_data())

    async def post(
        self,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        query: str = "",
        key: str | None = KEY,
    ) -> Answered:
        """Post a message; a header that is None is left out."""
        given = {"Content-Type": "application/json"} | dict(headers or {})
        return await self.ask(
            f"/email{query}",
            "POST",
            key=key,
            headers={name: text for name, text in given.items() if text is not None},
            data=message() if body is None else body,
        )


@dataclass(frozen=True)
class Answered:
    """An answer that has come in whole."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)
