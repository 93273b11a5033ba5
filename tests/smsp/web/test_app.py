"""What every answer has in common, whatever its route: its request key, JSON, and no surprises."""

from __future__ import annotations

from uuid import UUID

import pytest
import trio

from smsp.web.app import create_app
from tests.kit.asgi import Caller
from tests.kit.web import KEY, SEND_KEY, Client, FakeDispatcher, FakeLog, dispatched, fake_services

SECRET = "something that only the exception knows"


@pytest.fixture
def client():
    return Client(fake_services())


async def broken(_send):
    """A dispatch with a bug."""
    raise RuntimeError(SECRET)


async def broken_in_a_group(send):
    """A dispatch with a bug in a task of its own."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(broken, send)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/email", "POST", 415),
        ("/email", "GET", 405),
        ("/nowhere", "GET", 404),
        ("/livez", "GET", 200),
        ("/providers/pigeon", "GET", 404),
        ("/email?key=1", "POST", 400),
    ],
)
@pytest.mark.parametrize("name", ["RequestKey", "X-Request-ID"])
async def test_the_request_key_is_echoed(client, path, method, status, name):
    """What the caller calls the request is on its answer, errors included."""
    answer = await client.ask(path, method, headers={name: "Root=1-67891233;a/b+c"})
    assert answer.status == status
    assert answer.headers.getlist("RequestKey") == ["Root=1-67891233;a/b+c"]


async def test_which_request_key_wins(client):
    """``RequestKey`` is ours and comes first; one that will not do gives way to the other."""
    both = {"RequestKey": "ours", "X-Request-ID": "theirs"}
    assert (await client.ask("/livez", headers=both)).headers["RequestKey"] == "ours"
    answer = await client.ask("/livez", headers=both | {"RequestKey": "two words"})
    assert answer.headers["RequestKey"] == "theirs"


@pytest.mark.parametrize("text", ["", "two words", "k\xe9y", "\x7f", "a" * 129])
async def test_a_request_key_that_will_not_do(client, text):
    """What is no printable token of at most 128 characters is replaced by a new UUID."""
    answers = [await client.ask("/livez", headers={"RequestKey": text}) for _ in range(2)]
    keys = {str(UUID(answer.headers["RequestKey"])) for answer in answers}
    assert len(keys) == 2


async def test_the_longest_request_key(client):
    """128 characters are echoed."""
    answer = await client.ask("/livez", headers={"RequestKey": "a" * 128})
    assert answer.headers["RequestKey"] == "a" * 128


async def test_the_request_key_is_on_the_log_and_on_the_message(client):
    """The lines of one request, and the message it makes, are tied together."""
    await client.post(headers={"RequestKey": "k-1"})
    (line,) = client.services.log.told("request.handled")
    assert (line["requestkey"], line["route"], line["status"]) == ("k-1", "/email", 200)
    assert client.services.dispatcher.sends[0].request_key == "k-1"


@pytest.mark.parametrize("path", ["/emails", "/email/a/b", "/%ff", "/x\r\ny", "/livez//x", "*", ""])
async def test_an_unknown_path(client, path):
    """404, as JSON; nothing is redirected."""
    caller = Caller(create_app(client.services), path, method="GET")
    caller.says(b"")
    await caller.exchange()
    assert (caller.status, caller.json["code"]) == (404, "not_found")
    assert "location" not in caller.headers
    assert "requestkey" in caller.headers


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/email", "GET", "OPTIONS, POST"),
        ("/email", "PUT", "OPTIONS, POST"),
        ("/email", "TRACE", "OPTIONS, POST"),
        ("/livez", "POST", "GET, HEAD, OPTIONS"),
        ("/providers", "DELETE", "GET, HEAD, OPTIONS"),
        ("/providers/mailgun", "PATCH", "GET, HEAD, OPTIONS"),
        ("/livez", "BREW", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method(client, path, method, allowed):
    """405 names the methods there are."""
    answer = await client.ask(path, method)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


async def test_a_trailing_slash(client):
    """It does not matter, and is not redirected: a redirected POST would lose its body."""
    answer = await client.ask("/email/", "POST", json={})
    assert answer.status == 422
    assert (await client.ask("/livez/")).status == 200


async def test_head(client):
    """HEAD has the status and headers of GET."""
    head, get = await client.ask("/livez", "HEAD"), await client.ask("/livez")
    assert head.status == 200
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_options_needs_no_key(client):
    """OPTIONS tells the methods to anybody: a browser's preflight shows no key."""
    answer = await client.ask("/email", "OPTIONS", key=None)
    assert (answer.status, answer.body) == (200, b"")
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("bug", [broken, broken_in_a_group])
async def test_a_bug(bug):
    """500 as JSON; the log tells class and place, and neither tells the exception's text."""
    client = Client(fake_services(dispatcher=FakeDispatcher(bug)))
    answer = await client.post(headers={"RequestKey": "k-1"})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert answer.headers["RequestKey"] == "k-1"
    (line,) = client.services.log.told("request.failed")
    assert (line["level"], line["requestkey"], line["error"]) == ("error", "k-1", "RuntimeError")
    assert any("broken" in place for place in line["where"])
    assert SECRET not in str(client.services.log.events)
    assert SECRET.encode() not in answer.body


async def test_a_bug_outside_the_routes():
    """Even when the answer cannot be logged the caller has it: the message was sent."""

    class FullDisk(FakeLog):
        """A log that cannot be written."""

        def info(self, event, **fields):
            raise OSError(SECRET)

    client = Client(fake_services(log=FullDisk()))
    answer = await client.post()
    assert (answer.status, answer.json["outcome"]) == (200, "sent")
    assert [line["error"] for line in client.services.log.told("request.failed")] == ["OSError"]
    assert SECRET not in str(client.services.log.events)


async def test_a_stopping_node_closes_its_connections(client):
    """While draining every answer says ``Connection: close``; before that, none does."""
    paths = ["/livez", "/readyz", "/nowhere", "/email", "/providers", "/email?key=1"]
    before = [(await client.ask(path)).headers.get("Connection") for path in paths]
    client.services.readiness.draining = True
    after = [(await client.ask(path)).headers.get("Connection") for path in paths]
    assert (set(before), set(after)) == ({None}, {"close"})


async def test_an_answer_that_was_begun_before_the_stop(nursery):
    """A caller whose message was in flight when the stop came is told to close, too."""

    async def stopping_meanwhile(_send):
        client.services.readiness.draining = True
        return dispatched()

    client = Client(fake_services(dispatcher=FakeDispatcher(stopping_meanwhile)))
    assert (await client.post()).headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("key", "path", "named"),
    [
        (KEY, "/email", {"key": "all"}),
        (SEND_KEY, "/email", {"key": "sender"}),
        (SEND_KEY, "/providers", {"key": "sender"}),
        (None, "/providers", {}),
        ("wrong", "/providers", {}),
        (KEY, "/livez", {}),
    ],
)
async def test_whose_request_it_was(client, key, path, named):
    """Its line names the key that was shown, also where that does not have the right."""
    if path == "/email":
        await client.post(key=key)
    else:
        await client.ask(path, key=key)
    (line,) = client.services.log.told("request.handled")
    assert {name: value for name, value in line.items() if name == "key"} == named


async def test_a_log_line_for_each_request(client):
    """Each request is logged once: route, status, seconds; what probes ask for, only in debug."""
    await client.post()
    await client.ask("/nowhere")
    await client.ask("/readyz")
    lines = client.services.log.told("request.handled")
    seen = [(line["level"], line["method"], line["route"], line["status"]) for line in lines]
    assert seen == [
        ("info", "POST", "/email", 200),
        ("info", "GET", None, 404),
        ("debug", "GET", "/readyz", 200),
    ]
    assert lines[0]["outcome"] == "sent"
    assert KEY not in str(client.services.log.events)
