"""Who may come in: keys, where they may stand, what they allow; all before the body is read."""

from __future__ import annotations

from hashlib import sha256
from inspect import getsource

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.admission.keyring import Keyring
from smsp.keys import Key, Scope, digest_of
from smsp.web.app import create_app
from smsp.web.urls import KEY_NAMES
from tests.kit.asgi import Caller
from tests.kit.web import KEY, OBSERVE_KEY, SEND_KEY, Client, FakeDispatcher, fake_services


@pytest.fixture
def dispatcher():
    return FakeDispatcher()


@pytest.fixture
def client(dispatcher):
    return Client(fake_services(dispatcher=dispatcher))


def test_keys_are_held_as_digests():
    """What is held and shown of a key is not the key."""
    key = Key("app", digest_of("secret"))
    assert key.digest == sha256(b"secret").digest()
    assert "digest" not in repr(key)


def test_a_key_is_found_by_its_secret():
    """Every known secret finds its own key, and no other text finds any."""
    one, two = Key("one", digest_of("first")), Key("two", digest_of("second"))
    ring = Keyring((one, two))
    assert [ring.find(text) for text in ("first", "second", "", "firs", "first ")] == [
        one,
        two,
        None,
        None,
        None,
    ]


class WatchedKey:
    """A key that counts how often it is held against another."""

    scopes = frozenset(Scope)
    per_second = None

    def __init__(self, name):
        self.name = name
        self.comparisons = 0

    @property
    def digest(self):
        """What is compared."""
        self.comparisons += 1
        return digest_of(self.name)


@pytest.mark.parametrize("secret", ["one", "two", "three", "none of them"])
def test_every_key_is_compared(secret):
    """The search does not end at a match, and compares in constant time: time tells nothing."""
    keys = [WatchedKey(name) for name in ("one", "two", "three")]
    Keyring(keys).find(secret)
    assert [key.comparisons for key in keys] == [1, 1, 1]
    assert "if compare_digest(key.digest, presented):" in getsource(Keyring.find)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_bearer_key(client, dispatcher, scheme):
    """``Authorization: Bearer`` is as good as ``X-API-KEY``, however it is spelt."""
    answer = await client.post(key=None, headers={"Authorization": f"{scheme} {KEY}"})
    assert answer.status == 200
    assert len(dispatcher.sends) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-KEY": ""},
        {"X-API-KEY": "a-wrong-key"},
        {"X-API-KEY": KEY.upper()},
        {"X-API-KEY": "k\xe9y"},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer a-wrong-key"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Token {KEY}"},
        {"Api-Key": KEY},
        {"Cookie": f"X-API-KEY={KEY}"},
    ],
    ids=str,
)
async def test_no_known_key(client, dispatcher, headers):
    """401 in the first SMSP's words, and how to do it right; no provider hears of it."""
    answer = await client.post(key=None, headers=headers)
    assert (answer.status, answer.json["message"]) == (401, "Unauthorised")
    assert answer.json["code"] == "unauthorised"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert dispatcher.sends == []


async def test_two_keys_that_disagree(client, dispatcher):
    """``X-API-KEY`` is the one that counts: a right bearer key does not mend a wrong one."""
    right, wrong = f"Bearer {KEY}", "Bearer a-wrong-key"
    assert (await client.post(key="a-wrong-key", headers={"Authorization": right})).status == 401
    assert dispatcher.sends == []
    assert (await client.post(headers={"Authorization": wrong})).status == 200


@pytest.mark.parametrize(
    ("path", "method"),
    [("/email", "POST"), ("/providers", "GET"), ("/providers/mailgun", "GET")],
)
async def test_every_guarded_route(client, path, method):
    """Without a key there is no way to send or to watch."""
    assert (await client.ask(path, method, key=None)).status == 401


@pytest.mark.parametrize(
    ("path", "method", "key", "scope"),
    [
        ("/email", "POST", OBSERVE_KEY, "send"),
        ("/providers", "GET", SEND_KEY, "observe"),
        ("/providers/mailgun", "GET", SEND_KEY, "observe"),
    ],
)
async def test_a_key_without_the_scope(client, dispatcher, path, method, key, scope):
    """403 names what the key lacks."""
    answer = await client.ask(path, method, key=key)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert scope in answer.json["message"]
    assert dispatcher.sends == []


async def test_a_key_with_the_scope(client):
    """A key needs no more than the scope of the route."""
    assert (await client.post(key=SEND_KEY)).status == 200
    assert (await client.ask("/providers", key=OBSERVE_KEY)).status == 200


def test_the_scopes_are_three():
    """A key may send, observe or operate."""
    assert {str(scope) for scope in Scope} == {"send", "observe", "operate"}


@pytest.mark.parametrize("name", sorted(KEY_NAMES))
@pytest.mark.parametrize(
    "query",
    ["?{}=anything", "?{}=", "?{}", "?dryrun=true&{}=a", "?{}=a&dryrun=true"],
)
async def test_a_parameter_that_asks_for_a_key(client, dispatcher, name, query):
    """400 by its name, whatever it holds, on every route; another key mends nothing."""
    for shown in (KEY, None):
        answer = await client.post(query=query.format(name), key=shown)
        assert (answer.status, answer.json["code"]) == (400, "key_in_url")
    for path in ("/livez", "/email/some-id", "/providers/mailgun", "/nothing", "/docs", "/"):
        answer = await client.ask(path + query.format(name), key=None)
        assert (answer.status, answer.json["code"]) == (400, "key_in_url")
    assert dispatcher.sends == []


async def test_a_key_under_another_name(client, dispatcher):
    """Is not looked for: whether a guess is a key is told to nobody who does not show it."""
    for text in (KEY, "no-key-at-all"):
        answer = await client.post(query=f"?q={text}")
        assert (answer.status, answer.json["code"]) == (400, "bad_request")
        assert (await client.ask(f"/livez?{text}={text}", key=None)).status == 200
    assert dispatcher.sends == []
    assert KEY not in str(client.services.log.events)


@pytest.mark.parametrize(
    "path", ["/{}", "/email/{}", "/providers/{}", "/docs/assets/{}", "/{0}/{0}"]
)
async def test_a_guess_in_the_path(client, path):
    """A known key and another text have the same answer, and neither is logged."""
    right, wrong = KEY, "last-years-key-of-ours"
    answers = [await client.ask(path.format(text), key=None) for text in (right, wrong)]
    assert answers[0].status == answers[1].status in (401, 404)
    assert answers[0].body == answers[1].body
    log = str(client.services.log.events)
    assert right not in log
    assert wrong not in log


@pytest.mark.parametrize("path", ["/guess/guess", "/livez?q=guess", "/email/guess?a=guess&guess"])
async def test_nothing_in_a_url_is_held_against_keys(path):
    """Only what is shown as a key: each look-up is a hash, and a URL has room for thousands."""
    keys = [WatchedKey("one")]
    client = Client(fake_services(keyring=Keyring(keys)))
    await client.ask(path, key=None)
    looked_up = 1 if path.startswith("/email") else 0
    assert keys[0].comparisons == looked_up


async def test_what_is_wrongly_guessed_to_be_a_key_is_not_logged(client):
    """A path may hold what its caller takes for a key: it is not logged before it is known."""
    await client.ask("/providers/last-years-key", key=None)
    assert "last-years-key" not in str(client.services.log.events)
    assert client.services.log.told("request.unauthorised")[0]["route"] == "/providers/<name>"


@pytest.mark.parametrize(
    ("key", "status"), [("a-wrong-key", 401), (OBSERVE_KEY, 403)], ids=["unknown", "no scope"]
)
async def test_the_key_is_checked_before_the_body(dispatcher, nursery, autojump_clock, key, status):
    """A caller whose body never comes has its refusal at once, not after a time-out."""
    caller = Caller(create_app(fake_services(dispatcher=dispatcher)), headers={"X-API-KEY": key})
    nursery.start_soon(caller.exchange)
    await wait_all_tasks_blocked()
    assert caller.status == status
    assert trio.current_time() == 0
    assert dispatcher.sends == []
