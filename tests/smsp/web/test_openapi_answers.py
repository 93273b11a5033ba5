"""What SMSP answers is what the OpenAPI document says that it answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
import pytest
import trio

from actors import Transition
from actors.notices import LastFailure, ProbeRecord
from smsp.admission.budget import ByteBudget
from smsp.admission.keyring import Keyring
from smsp.admission.rates import Failures
from smsp.keys import Key, digest_of
from smsp.mail import Mail, fingerprint
from smsp.mail.dispatched import Route, Skipped
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    AttemptRefused,
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
    word,
)
from smsp.mail.parsing import parse
from smsp.sending.ledger import Claim, Ledger
from smsp.web.app import create_app
from smsp.web.openapi import examples
from smsp.web.services import Readiness
from smsp.web.urls import PARAMETERS_MAX
from tests.kit.openapi import Described
from tests.kit.web import (
    KEY,
    OBSERVE_KEY,
    FakeDispatcher,
    dispatched,
    fake_services,
    snapshot,
)

MESSAGE = examples.messages()["plain"]
TOOK_IT = Sent("<20260102120000.1.3F2A@mg.example.com>")
BOUNCED = RefusedRecipient("bob@example.net", Reason.SUPPRESSED, "hard_bounced")
NO_ADDRESS = "to parameter is not a valid address. please check documentation"


@dataclass(frozen=True)
class Case:
    """A request to SMSP as it is then, which brings about one example."""

    path: str = "/email"
    method: str = "POST"
    key: str | None = KEY
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: {"json": MESSAGE})
    services: dict[str, Any] = field(default_factory=dict)

    async def answer(self):
        """What SMSP says."""
        client = create_app(fake_services(**self.services)).test_client()
        key = {} if self.key is None else {"X-API-KEY": self.key}
        return await client.open(
            self.path, method=self.method, headers=key | self.headers, **self.body
        )


def _after(*results) -> Case:
    return Case(services={"dispatcher": FakeDispatcher([dispatched(*results)])})


def _after_one(provider: str, result: Outcome) -> Case:
    """When the only provider is this one."""
    done = dispatched(result)
    attempts = tuple(replace(one, provider=provider) for one in done.attempts)
    done = replace(done, attempts=attempts, route=Route((provider,), ()))
    return Case(services={"dispatcher": FakeDispatcher([done])})


def parsed() -> Mail:
    """The example message as the ledger compares it."""
    mail = parse(orjson.dumps(MESSAGE))
    assert isinstance(mail, Mail)
    return mail


def _keyed(earlier: Mail, *, over: bool) -> Case:
    """The example message with a key under which ``earlier`` was sent, or is being sent."""
    ledger = Ledger(10)
    claim = Claim(UUID(int=1), "all", fingerprint(earlier), "a-key-of-mine")
    long_from_now = 1e12  # on the run's clock, which starts anywhere: it is not forgotten yet
    ledger.begin(claim, long_from_now)
    if over:
        ledger.end(claim.id, dispatched(TOOK_IT), long_from_now)
    return Case(headers={"Idempotency-Key": "a-key-of-mine"}, services={"ledger": ledger})


def _key_of_few_rights(**rights) -> Case:
    """Shown by somebody whose key has these rights."""
    keyring = Keyring([Key("few", digest_of(KEY), **rights)])
    return Case(services={"keyring": keyring})


def _used_up() -> Case:
    case = _key_of_few_rights(per_second=0.001)
    keyring = case.services["keyring"]
    keyring.use(keyring.find(KEY), trio.current_time())
    return case


def _after_wrong_keys() -> Case:
    failures = Failures()
    while not failures.failed("<local>", trio.current_time()):
        pass
    return Case(key="another-wrong-key", services={"failures": failures})


async def _breaks(send):
    raise RuntimeError("a bug")


CASES = {
    "sent": lambda: _after(TOOK_IT),
    "sent_by_the_next": lambda: _after(
        NotSent(Reason.CONNECT_FAILED, Blame.PROVIDER), Sent(TOOK_IT.message_id)
    ),
    "sent_to_all": lambda: _after_one(
        "postmark", Sent("b7bc2f4a-e38e-4336-af7d-e6c392c2f817", NOBODY_REFUSED)
    ),
    "sent_to_some": lambda: _after_one(
        "mailersend", Sent("5e42957d51f1d94a1070a733", RefusedRecipients((BOUNCED,)))
    ),
    "sent_to_some_unnamed": lambda: _after_one(
        "sparkpost", Sent("11668787484950529", RefusedRecipients((), 1, Reason.BAD_RECIPIENT))
    ),
    "dry_run": lambda: Case(
        "/email?dryrun=true",
        services={
            "dispatcher": FakeDispatcher(skipped=[Skipped("sendgrid", Reason.TOO_MANY_RECIPIENTS)])
        },
    ),
    "invalid_json": lambda: Case(
        headers={"Content-Type": "application/json"}, body={"data": b'{"toaddress": }'}
    ),
    "invalid_deadline": lambda: Case(headers={"SMSP-Deadline": "301"}),
    "invalid_idempotency_key": lambda: Case(headers={"Idempotency-Key": "k" * 257}),
    "in_progress": lambda: _keyed(parsed(), over=False),
    "idempotency_mismatch": lambda: _keyed(replace(parsed(), subject="another"), over=True),
    "key_in_url": lambda: Case("/email?api_key=a-key"),
    "bad_request": lambda: Case("/email?" + "&" * PARAMETERS_MAX),
    "unauthorised": lambda: Case(key=None),
    "forbidden_from": lambda: _key_of_few_rights(from_domains=frozenset({"example.org"})),
    "too_many_requests": _used_up,
    "too_many_wrong_keys": _after_wrong_keys,
    "forbidden": lambda: Case(key=OBSERVE_KEY),
    "too_large": lambda: Case(services={"max_body_bytes": 10}),
    "unsupported_media_type": lambda: Case(body={"data": b"fromaddress=a%40b.c"}),
    "invalid_message": lambda: Case(body={"json": {"fromaddress": "shop@example.com"}}),
    "rejected": lambda: _after(Rejected(Reason.BAD_RECIPIENT, NO_ADDRESS)),
    "not_sent": lambda: _after(NotSent(Reason.CONNECT_TIMEOUT, Blame.PROVIDER)),
    "no_provider": lambda: _after(AttemptRefused(Reason.OPEN)),
    "busy": lambda: Case(services={"body_budget": ByteBudget(0)}),
    "draining": lambda: Case(services={"readiness": Readiness(started=True, draining=True)}),
    "unknown": lambda: _after(Unknown(Reason.TIMEOUT)),
    "internal": lambda: Case(services={"dispatcher": FakeDispatcher(_breaks)}),
    "not_found": lambda: Case("/nowhere"),
    "method_not_allowed": lambda: Case(method="GET", body={}),
}


@pytest.fixture(scope="module")
def described():
    return Described()


@pytest.mark.parametrize("name", CASES)
async def test_an_example_is_true(described, name):
    """Each example is what SMSP says, to the letter, and with the headers that are described."""
    response = await CASES[name]().answer()
    status, body = described.examples("POST", "/email")[name]
    assert response.status_code == status or status is None
    assert await response.get_json() == body
    await described.hold(response, "POST", "/email")


async def test_the_example_of_a_slow_body_is_true(described, autojump_clock):
    """A body that does not come within a minute is given up; that example, too, is true."""
    client = create_app(fake_services()).test_client()
    headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
    async with client.request("/email", method="POST", headers=headers) as connection:
        await connection.send(b"{")
        await trio.sleep(61)
    response = await connection.as_response()
    assert (response.status_code, await response.get_json()) == described.examples(
        "POST", "/email"
    )["body_timeout"]
    await described.hold(response, "POST", "/email")


def test_no_example_is_left_unproved(described):
    """Whoever adds an example adds the case that brings it about."""
    assert set(described.examples("POST", "/email")) == {*CASES, "body_timeout"}


def _results() -> list[Outcome]:
    return [
        Sent(),
        Sent(refused=NOBODY_REFUSED),
        *(
            Sent("id", RefusedRecipients((RefusedRecipient("a@b.c", reason, "No."),), 1, reason))
            for reason in Reason
        ),
        *(Rejected(reason, "No, because.") for reason in Reason),
        *(NotSent(reason, Blame.PROVIDER, detail="Later.") for reason in Reason),
        *(Unknown(reason, detail="Who knows.") for reason in Reason),
    ]


@pytest.mark.parametrize("result", _results(), ids=lambda one: f"{word(one)}-{one}"[:60])
async def test_every_outcome_with_every_reason_is_described(described, result):
    """Whatever becomes of a message, its answer has the shape that its status promises."""
    response = await _after(AttemptRefused(Reason.FULL), result).answer()
    await described.hold(response, "POST", "/email")


@pytest.mark.parametrize("reason", Reason)
async def test_every_refusal_is_described(described, reason):
    """So has the answer to a message that no provider was called for."""
    response = await _after(AttemptRefused(reason)).answer()
    await described.hold(response, "POST", "/email")


async def test_a_message_that_nobody_can_carry_is_described(described):
    """So has the refusal of a message that is beyond every provider."""
    beyond = dispatched(skipped=[Skipped("mailgun", Reason.TOO_LARGE)])
    response = await Case(services={"dispatcher": FakeDispatcher([beyond])}).answer()
    assert response.status_code == 422
    await described.hold(response, "POST", "/email")


BUSY = {
    "state": "open",
    "reason": "timeout",
    "due_at": 30.0,
    "last_probe": ProbeRecord(20.0, "not_sent", 0.125),
    "last_failure": LastFailure(20.0, "timeout"),
    "counts": {"sent": 3, "unknown": 1},
    "transitions": (Transition(10.0, "closed", "open", "timeout"),),
}


@pytest.mark.parametrize("path", ["/providers", "/providers/{name}"])
@pytest.mark.parametrize("fields", [{}, BUSY], ids=["fresh", "busy"])
async def test_snapshots_are_described(described, path, fields):
    """A circuit has the shape described, before anything has happened to it and after."""
    dispatcher = FakeDispatcher(snapshots=[snapshot("mailgun", **fields)])
    at = path.replace("{name}", "mailgun")
    response = await Case(at, "GET", body={}, services={"dispatcher": dispatcher}).answer()
    assert response.status_code == 200
    await described.hold(response, "GET", path)


async def test_a_provider_that_is_not_there_is_described(described):
    """The 404 of a provider's route is one of its answers."""
    response = await Case("/providers/pigeon", "GET", body={}).answer()
    assert response.status_code == 404
    await described.hold(response, "GET", "/providers/{name}")


@pytest.mark.parametrize("path", ["/providers", "/providers/{name}"])
@pytest.mark.parametrize(("key", "status"), [(None, 401), ("a-key-that-can-only-send", 403)])
async def test_refusals_to_show_circuits_are_described(described, path, key, status):
    """Who has no key, or the wrong one, is told so in the form described."""
    response = await Case(path, "GET", key=key, body={}).answer()
    assert response.status_code == status
    await described.hold(response, "GET", path)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("draining", [False, True])
async def test_health_is_described(described, key, draining):
    """What everybody is told, and what an observer is told beside it."""
    services = {"readiness": Readiness(started=True, draining=draining)}
    response = await Case("/healthcheck", "GET", key=key, body={}, services=services).answer()
    await described.hold(response, "GET", "/healthcheck")


@pytest.mark.parametrize(("started", "status"), [(True, 200), (False, 503)])
async def test_readiness_is_described(described, started, status):
    """Ready or not, the answer has the shape described."""
    services = {"readiness": Readiness(started=started)}
    response = await Case("/readyz", "GET", key=None, body={}, services=services).answer()
    assert response.status_code == status
    await described.hold(response, "GET", "/readyz")


@pytest.mark.parametrize("path", ["/livez", "/docs", "/swagger.json", "/openapi.json"])
async def test_what_anybody_may_ask_for_is_described(described, path):
    """Routes without a key give the content that is described."""
    response = await Case(path, "GET", key=None, body={}).answer()
    assert response.status_code == 200
    await described.hold(response, "GET", path)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthcheck", "/providers", "/docs"])
async def test_a_key_in_the_url_is_refused_as_described(described, path):
    """Every route says that a key in the URL is refused, and refuses it in that form."""
    response = await Case(f"{path}?token=x", "GET", body={}).answer()
    assert response.status_code == 400
    await described.hold(response, "GET", path)
