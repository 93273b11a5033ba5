"""``smsp.client`` against a running SMSP, and against others: from threads, asyncio and trio."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import threading
import time
from contextlib import contextmanager
from textwrap import indent
from uuid import UUID, uuid4

import orjson
import pytest
import trio

from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY
from smsp.client import (
    AsyncClient,
    Client,
    NoAnswer,
    NotSent,
    Rejected,
    RequestRefused,
    Sent,
    TrioClient,
    Unknown,
)
from tests.kit.documents import block

SETTINGS = {"CALL_TIMEOUT": "0.6", "SETTLE_TIMEOUT": "30"}
OUTCOMES = [
    ("bob", Sent),
    ("reject", Rejected),
    ("credits", NotSent),
    ("accept-then-drop", Unknown),
]


def message(to="bob", **fields):
    """To a recipient who names a fault, or none; to one provider only, so that it shows."""
    return {
        "fromaddress": "alice@mail.example.com",
        "toaddress": f"{to}@example.org",
        "subject": "hello",
        "provider": "mailgun",
    } | fields


def in_a_thread(url, method, *arguments, key=KEY, **options):
    """Call a method of the client for threads."""
    with Client(url, key) as client:
        return getattr(client, method)(*arguments, **options)


def under_asyncio(url, method, *arguments, key=KEY, **options):
    """Call a method of the other one, under asyncio."""
    return asyncio.run(_called(AsyncClient(url, key), method, arguments, options))


def under_trio(url, method, *arguments, key=KEY, **options):
    """The same under trio, by its other name."""
    return trio.run(_called, TrioClient(url, key), method, arguments, options)


async def _called(client, method, arguments, options):
    async with client:
        return await getattr(client, method)(*arguments, **options)


CALLERS = pytest.mark.parametrize(
    "call", [in_a_thread, under_asyncio, under_trio], ids=lambda call: call.__name__
)


@CALLERS
@pytest.mark.parametrize(("to", "kind"), OUTCOMES)
def test_an_outcome(smsp, call, to, kind):
    """Each is a type of its own, and by its id the same is told again."""
    outcome = call(smsp.url, "send", message(to))
    assert isinstance(outcome, kind)
    assert outcome.id == outcome.answer["id"]
    assert [one.provider for one in outcome.attempts] == ["mailgun"]

    record = call(smsp.url, "find", outcome.id)
    assert isinstance(record.outcome, kind)
    assert (record.id, record.outcome.attempts) == (outcome.id, outcome.attempts)


def example(name, smsp):
    """An example of the documents', at this SMSP, with a key for repetitions of its own."""
    text = block(name).replace("http://127.0.0.1:8080", smsp.url)
    return text.replace("receipt-4711", str(uuid4()))


@pytest.mark.parametrize(
    ("to", "learned"),
    [("bob", "provider"), ("reject", "why"), ("credits", "wait"), ("accept-then-drop", "id")],
)
def test_the_example_for_threads(smsp, to, learned):
    """It can be copied, and each outcome comes to its own case."""
    known = {"key": KEY, "message": message(to)}
    exec(example("client", smsp).replace("retries=3", "retries=0"), known)
    assert known[learned]
    assert len({"provider", "why", "wait", "id"} & set(known)) == 1


@pytest.mark.parametrize(("to", "kind"), OUTCOMES)
@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_the_example_for_tasks(smsp, to, kind, run):
    """The same under asyncio and trio, where a doubt is asked for."""
    text = (
        f"async def main():\n{indent(example('client-async', smsp), ' ' * 4)}    return outcome\n"
    )
    known = {"key": KEY, "message": message(to)}
    exec(text, known)
    main = known["main"]
    assert isinstance(run(main() if run is asyncio.run else main), kind)


@CALLERS
def test_a_late_outcome(smsp, call):
    """A doubt ends by itself, and its id tells how."""
    outcome = call(smsp.url, "send", message("slow-500ms"), deadline_s=0.2)
    assert isinstance(outcome, Unknown)
    assert outcome.attempts[0].reason == "deadline"

    record = eventually(lambda: _settled(call, smsp, outcome.id), "it settles")
    assert isinstance(record.outcome, Sent)


def _settled(call, smsp, message_id):
    record = call(smsp.url, "find", message_id)
    return record if record.settled else None


@CALLERS
@pytest.mark.parametrize("message_id", [str(UUID(int=4711)), "nonsense", ".."])
def test_a_message_that_nobody_remembers(smsp, call, message_id):
    """It is nothing, and no error."""
    assert call(smsp.url, "find", message_id) is None


@CALLERS
def test_only_not_sent_is_tried_again(smsp, simulators, call):
    """After the wait that SMSP asks for, and with the key that it had; it is sent once."""
    simulators.turn("mailgun", "down")
    mending = threading.Timer(0.5, simulators.mend)
    mending.start()
    key = str(uuid4())

    outcome = call(smsp.url, "send", message(), idempotency_key=key, retries=5, deadline_s=30)
    again = call(smsp.url, "send", message(), idempotency_key=key)
    mending.join()

    assert isinstance(outcome, Sent)
    assert again == outcome
    assert set(simulators.taken().values()) == {1}


@CALLERS
def test_a_doubt_is_not_tried_again(smsp, simulators, call):
    """However many retries are allowed. With a key it may be asked again, and is not sent again."""
    key = str(uuid4())
    for _ in range(2):
        doubtful = message("accept-then-drop")
        outcome = call(smsp.url, "send", doubtful, idempotency_key=key, retries=5)
        assert isinstance(outcome, Unknown)
    assert list(simulators.taken().values()) == [1]


@CALLERS
def test_a_twin_is_waited_for(smsp, simulators, call):
    """Who comes while the same is being sent asks again until it is known how that ended."""
    key, told = str(uuid4()), []
    slow = message("slow-500ms")
    first = threading.Thread(
        target=lambda: told.append(in_a_thread(smsp.url, "send", slow, idempotency_key=key))
    )
    first.start()
    eventually(lambda: any(one["in_flight"] for one in smsp.providers()), "it is under way")

    told.append(call(smsp.url, "send", slow, idempotency_key=key, retries=5))
    first.join()

    assert told[0] == told[1]
    assert isinstance(told[0], Sent)
    assert set(simulators.taken().values()) == {1}


@CALLERS
@pytest.mark.parametrize(
    ("changes", "options", "status", "code"),
    [
        ({}, {"key": KEY + "x"}, 401, "unauthorised"),
        ({"fromaddres": "x"}, {}, 422, "invalid_message"),
        ({"provider": "nobody"}, {}, 422, "invalid_message"),
        ({}, {"deadline_s": float("nan")}, 400, "invalid_deadline"),
        ({}, {"deadline_s": 0.0}, 400, "invalid_deadline"),
        ({}, {"idempotency_key": "x" * 257}, 400, "invalid_idempotency_key"),
        ({}, {"idempotency_key": ""}, 400, "invalid_idempotency_key"),
    ],
)
def test_the_callers_own_mistakes(smsp, call, changes, options, status, code):
    """They are no outcome, and never tried again."""
    with pytest.raises(RequestRefused) as refused:
        call(smsp.url, "send", message(**changes), retries=3, **options)
    assert (refused.value.status, refused.value.code) == (status, code)


@CALLERS
def test_who_may_not_ask(smsp, call):
    """Nor is it told what became of a message."""
    with pytest.raises(RequestRefused):
        call(smsp.url, "find", str(uuid4()), key=KEY + "x")


@CALLERS
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://smsp.invalid", "https://127.0.0.1:9"]
)
def test_nobody_there(call, url):
    """A connection that was never made proves that nothing was sent."""
    assert isinstance(call(url, "send", message()), NotSent)
    with pytest.raises(NoAnswer):
        call(url, "find", str(uuid4()))


@CALLERS
def test_a_port_that_speaks_no_tls(smsp, call):
    """Nor does a handshake carry a message."""
    url = smsp.url.replace("http:", "https:")
    assert isinstance(call(url, "send", message()), NotSent)


def answer(status="200 OK", body=b"", *headers):
    """A whole answer, as bytes."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


OURS = {"id": "1", "outcome": "not_sent", "code": "not_sent", "message": "no", "attempts": []}
JSON = ("RequestKey: k", "Content-Type: application/json")
WORDS = orjson.dumps(OURS)
NOT_ITS = {
    "nothing": b"",
    "no HTTP": b"220 mail.example.com ESMTP\r\n",
    "an HTML page": answer("200 OK", b"<html>", "Content-Type: text/html"),
    "a 408": answer("408 Request Timeout"),
    "a 499": answer("499 Client Closed", b"<html>", "Content-Type: text/html"),
    "a 502": answer("502 Bad Gateway", b"<html>", "Content-Type: text/html"),
    "a 503": answer("503 Service Unavailable", b"<html>", "Retry-After: nan"),
    "a redirect": answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/email"),
    "a redirect to nowhere": answer("302 Found", b"", "Location: http://["),
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "only 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "a cut head": answer("503 Service Unavailable", WORDS, *JSON)[:40],
    "a cut body": answer("503 Service Unavailable", WORDS, *JSON)[:-1],
    "a cut chunk": b"HTTP/1.1 503 X\r\nRequestKey: k\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(WORDS), WORDS),
    "broken gzip": answer("200 OK", b"\x1f\x8bxxxx", *JSON, "Content-Encoding: gzip"),
    "gzip": answer(
        "503 Service Unavailable", gzip.compress(WORDS), *JSON, "Content-Encoding: gzip"
    ),
    "deep JSON": answer("200 OK", b"[" * 2**19, *JSON),
    "a giant": answer("200 OK", b" " * 2**24, *JSON),
    "a giant head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2**17,
    "two lengths": b"HTTP/1.1 503 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "strange bytes": b"HTTP/1.1 200 \xff\r\nX\x00: \x80\r\n\r\n",
}


@contextmanager
def listening(said):
    """Somebody who says this to whoever has asked; yields the URL, and how often it was asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(_asked(connection))
                    _say(connection, said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _asked(connection):
    """A whole request: its head, and as much of a body as that says."""
    with connection.makefile("rb") as lines:
        head = b"".join(iter(lines.readline, b"\r\n"))
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return head + lines.read(int(length[1]) if length else 0)


def _say(connection, said):
    connection.settimeout(5)
    try:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(2**16):
            pass
    except OSError:
        return


@CALLERS
@pytest.mark.parametrize("said", NOT_ITS.values(), ids=NOT_ITS)
def test_an_answer_that_is_not_smsps(call, said):
    """It proves nothing, whatever it is, and nothing is asked twice."""
    with listening(said) as (url, asked):
        outcome = call(url, "send", message(), retries=3)
        assert isinstance(outcome, Unknown)
        assert outcome.answer == {}
        with pytest.raises(NoAnswer):
            call(url, "find", "1")
    assert [one.split(b" ")[0] for one in asked] == [b"POST", b"GET"]


@CALLERS
@pytest.mark.parametrize("wait", ["nan", "-1", "inf", "-inf", "1e9", "x", "99999999999999999999"])
def test_a_wait_that_is_none(call, wait):
    """Who waits for it waits for a bounded time, or not at all."""
    said = answer("503 Service Unavailable", WORDS, *JSON, f"Retry-After: {wait}")
    with listening(said) as (url, asked):
        began_at = time.monotonic()
        outcome = call(url, "send", message(), retries=2, deadline_s=1.5)
    assert isinstance(outcome, NotSent)
    assert 1 <= outcome.retry_after_s <= 3600
    assert time.monotonic() - began_at < 5
    assert len(asked) <= 2


@CALLERS
def test_after_100_continue(call):
    """What comes before an answer is none."""
    said = b"HTTP/1.1 103 Early\r\n\r\n" + answer("503 Service Unavailable", WORDS, *JSON)
    with listening(said) as (url, _):
        assert isinstance(call(url, "send", message()), NotSent)
