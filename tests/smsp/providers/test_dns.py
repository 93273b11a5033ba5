"""Name look-ups that cannot starve each other. The look-up itself is a function of the test's."""

from __future__ import annotations

import socket
from collections import Counter
from threading import Event

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smsp.providers.dns import FRESH_S, PATIENCE_S, STALE_S, THREADS_PER_HOST, Resolver

ADDRESSES = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]
OTHERS = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.2", 443))]
GIVE_UP_S = 5.0
"""Real seconds after which a hanging look-up ends by itself, so that a failing test ends, too."""


class Names:
    """What is known of names: a host's addresses, or the error of looking it up."""

    def __init__(self, **known):
        self.known = known
        self.asked = Counter()

    def lookup(self, host, *rest):
        self.asked[host] += 1
        found = self.known[host]
        if isinstance(found, OSError):
            raise found
        return found


async def test_answer():
    """A question is passed on as it is."""
    asked = []
    resolver = Resolver(lambda *question: asked.append(question) or ADDRESSES)
    found = await resolver.getaddrinfo("alive", 443, socket.AF_INET, socket.SOCK_STREAM, 6, 1)
    assert found == ADDRESSES
    assert asked == [("alive", 443, socket.AF_INET, socket.SOCK_STREAM, 6, 1)]


async def test_fresh(mock_clock):
    """For a while an answer is used without asking again, and then asked for anew."""
    names = Names(alive=ADDRESSES)
    resolver = Resolver(names.lookup)
    await resolver.getaddrinfo("alive", 443)
    mock_clock.jump(FRESH_S)
    assert await resolver.getaddrinfo("alive", 443) == ADDRESSES
    assert names.asked["alive"] == 1
    mock_clock.jump(0.1)
    names.known["alive"] = OTHERS
    assert await resolver.getaddrinfo("alive", 443) == OTHERS
    assert names.asked["alive"] == 2


async def test_one_answer_for_each_question():
    """Another host or port is another question."""
    names = Names(alive=ADDRESSES, other=OTHERS)
    resolver = Resolver(names.lookup)
    await resolver.getaddrinfo("alive", 443)
    assert await resolver.getaddrinfo("other", 443) == OTHERS
    await resolver.getaddrinfo("alive", 80)
    assert names.asked == {"alive": 2, "other": 1}


async def test_stale(mock_clock):
    """An answer still serves when asking again fails; a failure is not remembered."""
    names = Names(alive=ADDRESSES)
    resolver = Resolver(names.lookup)
    await resolver.getaddrinfo("alive", 443)
    names.known["alive"] = socket.gaierror("no such name")
    mock_clock.jump(STALE_S)
    assert await resolver.getaddrinfo("alive", 443) == ADDRESSES
    names.known["alive"] = OTHERS
    assert await resolver.getaddrinfo("alive", 443) == OTHERS


async def test_a_hanging_resolver(mock_clock):
    """An old answer serves after a short wait when asking again hangs, as a dead resolver does."""
    freed = Event()
    names = Names(alive=ADDRESSES)

    def lookup(host, *rest):
        if names.asked["alive"]:
            freed.wait(GIVE_UP_S)
        return names.lookup(host, *rest)

    resolver = Resolver(lookup)
    await resolver.getaddrinfo("alive", 443)
    mock_clock.jump(FRESH_S + 0.1)
    mock_clock.autojump_threshold = 0
    asked_at = trio.current_time()
    try:
        assert await resolver.getaddrinfo("alive", 443) == ADDRESSES
        assert trio.current_time() - asked_at == pytest.approx(PATIENCE_S)
    finally:
        freed.set()


async def test_too_old(mock_clock):
    """A name that has been gone for long is gone."""
    names = Names(alive=ADDRESSES)
    resolver = Resolver(names.lookup)
    await resolver.getaddrinfo("alive", 443)
    names.known["alive"] = socket.gaierror("no such name")
    mock_clock.jump(STALE_S + 0.1)
    with pytest.raises(socket.gaierror):
        await resolver.getaddrinfo("alive", 443)


async def test_never_known():
    """A name that never was is an error at once."""
    resolver = Resolver(Names(gone=socket.gaierror("no such name")).lookup)
    with pytest.raises(socket.gaierror):
        await resolver.getaddrinfo("gone", 443)


async def test_dead_name():
    """Look-ups that hang take their own host's threads, and delay nobody else's look-up."""
    freed = Event()
    names = Names(alive=ADDRESSES, dead=ADDRESSES)

    def lookup(host, *rest):
        if host == "dead":
            freed.wait(GIVE_UP_S)
        return names.lookup(host, *rest)

    resolver = Resolver(lookup)
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(THREADS_PER_HOST + 1):
                nursery.start_soon(resolver.getaddrinfo, "dead", 443)
            await wait_all_tasks_blocked()
            assert await resolver.getaddrinfo("alive", 443) == ADDRESSES
            shared = trio.to_thread.current_default_thread_limiter()
            assert shared.borrowed_tokens == 0
            nursery.cancel_scope.cancel()
        assert names.asked == {"alive": 1}, "somebody waited for a dead look-up"
    finally:
        freed.set()
    assert nursery.cancel_scope.cancelled_caught


async def test_address():
    """An address that needs no look-up has itself for a name."""
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    found = await Resolver().getnameinfo(("192.0.2.1", 443), numeric)
    assert found == ("192.0.2.1", "443")
