"""Two nodes behind nginx, as the README configures it: a key stays on its node, and nothing that
may have reached a node is sent again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from functional_tests.kit.nginx import in_front_of
from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY, Smsp

KEYS = 24
SLOW = "slow-4000ms@example.org"


@dataclass
class Cluster:
    """Two nodes, and a caller who knows only nginx."""

    nodes: list[Smsp]
    nginx: httpx.Client

    def send(self, key=None, to="bob@example.org") -> httpx.Response:
        """Send a message, with an ``Idempotency-Key`` if there is one."""
        message = {
            "fromaddress": "alice@mail.example.com",
            "toaddress": to,
            "subject": "hello",
            "plaintextbody": "Hello.",
        }
        return self.nginx.post("/email", json=message, headers=headers(key))

    def took(self) -> list[int]:
        """How much mail each node has sent."""
        return [node.provider("mailgun")["counts"]["sent"] for node in self.nodes]

    def busy(self) -> Smsp | None:
        """The node that has a call under way."""
        busy = [node for node in self.nodes if node.provider("mailgun")["in_flight"]]
        return busy[0] if busy else None


def headers(key):
    """Those of a caller."""
    return {"X-API-KEY": KEY} | ({} if key is None else {"Idempotency-Key": key})


@pytest.fixture
def cluster(start_smsp, tmp_path):
    """Two nodes in front of the simulators, behind nginx."""
    nodes = [start_smsp(CALL_TIMEOUT="30") for _ in range(2)]
    addresses = [urlsplit(node.url).netloc for node in nodes]
    with in_front_of(addresses, tmp_path) as nginx:
        yield Cluster(nodes, nginx)


def test_a_key_stays_on_its_node(cluster, simulators):
    """Asked again it is replayed, whichever node it is; the keys are spread over both."""
    keys = [str(uuid4()) for _ in range(KEYS)]
    first = [cluster.send(key) for key in keys]
    again = [cluster.send(key) for key in keys]
    assert {answer.status_code for answer in first + again} == {200}
    assert [one.json()["id"] for one in again] == [one.json()["id"] for one in first]
    assert {one.headers["Idempotency-Replayed"] for one in again} == {"true"}
    assert sorted(simulators.taken().values()) == [1] * KEYS
    # All on one of two nodes: once in eight million times.
    assert min(cluster.took()) > 0


def test_its_node_knows_what_became_of_it(cluster):
    """``GET /email/{id}`` with the same header reaches the node that knows the message."""
    for _ in range(8):
        key = str(uuid4())
        message = cluster.send(key).json()["id"]
        found = cluster.nginx.get(f"/email/{message}", headers=headers(key))
        assert (found.status_code, found.json()["outcome"]) == (200, "sent")


def test_without_a_key_any_node_will_do(cluster, simulators):
    """Both share the messages; if one cannot be reached, the other takes them all."""
    assert {cluster.send().status_code for _ in range(30)} == {200}
    assert min(cluster.took()) > 0
    cluster.nodes[0].process.kill()
    assert {cluster.send().status_code for _ in range(30)} == {200}
    assert sorted(simulators.taken().values()) == [1] * 60


def test_a_key_does_not_move(cluster, simulators):
    """While its node cannot be reached it is not sent elsewhere: only its node could tell whether
    it was sent before. The other node's keys go on."""
    keys = [str(uuid4()) for _ in range(KEYS)]
    for key in keys:
        cluster.send(key)
    cluster.nodes[0].process.kill()
    again = [cluster.send(key) for key in keys]
    assert {answer.status_code for answer in again} == {200, 502}
    replayed = [one for one in again if one.status_code == 200]
    assert {one.headers["Idempotency-Replayed"] for one in replayed} == {"true"}
    assert sorted(simulators.taken().values()) == [1] * KEYS


@pytest.mark.parametrize("key", [None, "order-42"])
def test_a_message_under_way_is_not_sent_again(cluster, simulators, key):
    """Its node dies while the message is with a provider: the caller hears of a fault, and nginx
    does not try the other node."""
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(cluster.send, key, SLOW)
        node = eventually(cluster.busy, "a node has it")
        eventually(simulators.taken, "a provider has taken it")
        node.process.kill()
        assert answer.result().status_code == 502
    (other,) = [one for one in cluster.nodes if one is not node]
    assert other.provider("mailgun")["counts"]["sent"] == 0
    assert list(simulators.taken().values()) == [1]


def test_a_key_that_looks_like_none(cluster, simulators):
    """nginx takes "0" for nothing where it is asked carelessly."""
    assert {cluster.send("0").status_code for _ in range(12)} == {200}
    assert list(simulators.taken().values()) == [1]


def test_many_at_once(cluster, simulators):
    """Callers with few keys who all insist: one mail for each key."""
    keys = [str(uuid4()) for _ in range(4)] * 10
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(cluster.send, keys, repeat("slow-50ms@example.org")))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(simulators.taken().values()) == [1] * 4
