"""What a key may do with a message: from where, how often; and who tries keys."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.admission.keyring import Keyring
from smsp.admission.rates import FAILURES_AT_ONCE, FAILURES_PER_SECOND
from smsp.keys import Key, Scope, digest_of
from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.web import KEY, Client, FakeDispatcher, fake_services, message

SECRET = "a-key-with-few-rights"
SEND = frozenset({Scope.SEND})


def client_with(dispatcher=None, **rights):
    """Somebody whose key has these rights, and another whose key has all."""
    keys = (Key("few", digest_of(SECRET), SEND, **rights), Key("all", digest_of(KEY)))
    return Client(fake_services(dispatcher=dispatcher or FakeDispatcher(), keyring=Keyring(keys)))


@pytest.fixture
def bound():
    """A key that may send from two domains."""
    return client_with(from_domains=frozenset({"example.com", "xn--bcher-kva.example"}))


@pytest.mark.parametrize("sender", ["shop@example.com", "Shop <a@EXAMPLE.com>", "a@bücher.example"])
async def test_a_sender_of_the_key_s_own(bound, sender):
    """However its domain is spelt."""
    assert (await bound.post(message(fromaddress=sender), key=SECRET)).status == 200


@pytest.mark.parametrize("query", ["", "?dryrun=true"])
@pytest.mark.parametrize("sender", ["shop@example.org", "shop@mail.example.com"])
async def test_a_sender_of_somebody_else_s(bound, sender, query):
    """403 with a code of its own; a dry run says so, too. No provider hears of it."""
    answer = await bound.post(message(fromaddress=sender), key=SECRET, query=query)
    assert (answer.status, answer.json["code"]) == (403, "forbidden_from")
    assert answer.json["field"] == "fromaddress"
    assert bound.services.dispatcher.sends == []


async def test_a_message_is_judged_before_its_sender(bound):
    """What is no message is told as that: 422."""
    answer = await bound.post(message(fromaddress="a@example.org", toaddress=[]), key=SECRET)
    assert answer.status == 422


async def test_too_many_messages(autojump_clock):
    """429 with the time to wait, and after that time it is right again."""
    client = client_with(per_second=0.25)
    assert (await client.post(key=SECRET)).status == 200
    answer = await client.post(key=SECRET)
    assert (answer.status, answer.json["code"]) == (429, "too_many_requests")
    assert answer.headers["Retry-After"] == "4"
    await trio.sleep(4)
    assert (await client.post(key=SECRET)).status == 200
    assert len(client.services.dispatcher.sends) == 2


async def test_a_second_s_worth_may_come_at_once(autojump_clock):
    """Callers do not come evenly."""
    client = client_with(per_second=5)
    statuses = [(await client.post(key=SECRET)).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]


async def test_what_is_no_message_uses_the_rate_up():
    """To read it costs as much; so a key can keep the node busy no more with it than by sending."""
    client = client_with(per_second=1)
    statuses = [(await client.post(b"{}", key=SECRET)).status for _ in range(2)]
    assert statuses == [422, 429]


async def test_a_key_that_is_used_up_is_told_before_its_body_is_read(nursery):
    """What comes too often costs nothing but its head."""
    client = client_with(per_second=1)
    assert (await client.post(key=SECRET)).status == 200
    silent = Caller(create_app(client.services), headers={"X-API-KEY": SECRET})
    nursery.start_soon(silent.exchange)
    await wait_all_tasks_blocked()
    assert silent.status == 429
    silent.hangs_up()


async def test_a_replay_uses_nothing_up():
    """Who asks what became of a message is told, and may send the next one at once."""
    client = client_with(per_second=2)
    headers = {"Idempotency-Key": "a"}
    answers = [await client.post(key=SECRET, headers=headers) for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert "Idempotency-Replayed" in answers[-1].headers
    assert [(await client.post(key=SECRET)).status for _ in range(2)] == [200, 429]


async def test_one_key_s_rate_is_no_other_s():
    """A key that is used up holds up nobody else."""
    client = client_with(per_second=1)
    assert [(await client.post(key=SECRET)).status for _ in range(2)] == [200, 429]
    assert (await client.post(key=KEY)).status == 200


async def test_keys_are_replaced_while_it_runs():
    """The new ones open at once, the old ones no more; whose rate is the same has no second
    burst."""
    client = client_with(per_second=1)
    assert (await client.post(key=SECRET)).status == 200
    same = Key("few", digest_of("its-new-secret"), SEND, per_second=1)
    client.services.keyring.replace([same])
    assert (await client.post(key="its-new-secret")).status == 429
    assert [(await client.post(key=old)).status for old in (SECRET, KEY)] == [401, 401]


async def guess(client, times, **headers):
    """The statuses of so many attempts with a wrong key."""
    return [(await client.post(key="a-wrong-key", headers=headers)).status for _ in range(times)]


async def test_who_tries_keys_is_told_to_wait(autojump_clock):
    """429 beyond a bound, whether the key is wrong or missing, until some time has passed."""
    client = client_with()
    assert await guess(client, FAILURES_AT_ONCE) == [401] * FAILURES_AT_ONCE
    answer = await client.post(key=None)
    assert (answer.status, answer.json["code"]) == (429, "too_many_requests")
    assert answer.headers["Retry-After"] == str(int(1 / FAILURES_PER_SECOND))
    await trio.sleep(1 / FAILURES_PER_SECOND)
    assert await guess(client, 2) == [401, 429]


async def test_a_right_key_is_never_held_up(autojump_clock):
    """Not even from the address that the wrong ones come from: it may be a whole office's."""
    client = client_with()
    await guess(client, 2 * FAILURES_AT_ONCE)
    assert (await client.post(key=KEY)).status == 200
    assert (await client.ask("/providers", key=KEY)).status == 200


async def test_the_log_is_not_filled(autojump_clock):
    """Attempts beyond the bound are not told one by one."""
    client = client_with()
    await guess(client, 2 * FAILURES_AT_ONCE)
    told = client.services.log.told("request.unauthorised")
    assert len(told) == FAILURES_AT_ONCE
    assert {one["client"] for one in told} == {"<local>"}


async def test_clients_behind_a_proxy_of_ours(autojump_clock):
    """Each is counted by itself; what they write into the header themselves is not believed."""
    services = fake_services(trusted_proxies=(ip_network("192.0.2.0/24"),))
    client = Client(services, peer="192.0.2.1")
    attacker = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    await guess(client, FAILURES_AT_ONCE, **attacker)
    assert await guess(client, 1, **{"X-Forwarded-For": "203.0.113.2, 198.51.100.7"}) == [429]
    assert await guess(client, 1, **{"X-Forwarded-For": "198.51.100.8"}) == [401]
