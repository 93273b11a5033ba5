"""SIGTERM with mail in flight: everybody who waits is told the truth before the process ends."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY

SERVERS = ("smsp", "hypercorn")


@contextmanager
def callers(smsp, recipients):
    """All of them wait for their answers, each on a connection of its own, until the block ends."""
    with ThreadPoolExecutor(len(recipients)) as pool:
        waiting = [pool.submit(smsp.send, to) for to in recipients]
        try:
            yield waiting
        finally:
            smsp.process.end()


def all_in_flight(smsp, number):
    """Return when so many calls are under way."""
    eventually(lambda: smsp.provider("mailgun")["in_flight"] == number, "all are in flight")


def test_everybody_is_answered(start_smsp, simulators):
    """Those in flight end by their own outcome, which is true; the exit status is 0."""
    smsp = start_smsp(CALL_TIMEOUT="2", TRIP="consecutive:1000")
    slow = ["slow-900ms@example.org"] * 24
    silent = ["accept-then-hang@example.org"] * 4 + ["hang@example.org"] * 4
    with callers(smsp, slow + silent) as waiting:
        all_in_flight(smsp, 32)
        smsp.process.terminate()
        answers = [one.result() for one in waiting]
        assert smsp.process.exit_status() == 0
    assert [answer.outcome for answer in answers] == ["sent"] * 24 + ["unknown"] * 8
    assert {answer.headers["Connection"] for answer in answers} == {"close"}
    audit_all(answers, simulators.taken())


def test_callers_who_keep_coming(start_smsp, simulators):
    """While SMSP stops under load no message is lost: it is answered, or its caller is refused."""
    smsp = start_smsp()
    with ThreadPoolExecutor(16) as pool:
        streams = [pool.submit(_send_until_refused, smsp) for _ in range(16)]
        eventually(lambda: smsp.provider("mailgun")["counts"]["sent"] > 50, "mail flows")
        smsp.process.terminate()
        answers = [answer for stream in streams for answer in stream.result()]
        assert smsp.process.exit_status() == 0
    drained = [answer for answer in answers if answer.body.get("code") == "draining"]
    audit_all([answer for answer in answers if answer not in drained], simulators.taken())


def test_a_delay_for_load_balancers(start_smsp, simulators):
    """For a while connections are still taken: no longer ready, and new mail is refused."""
    smsp = start_smsp(DRAIN_DELAY="1.5")
    assert smsp.http.get("/readyz").status_code == 200
    smsp.process.terminate()
    eventually(lambda: smsp.http.get("/readyz").status_code == 503, "it is not ready")
    answer = smsp.send()
    assert (answer.status, answer.body["code"]) == (503, "draining")
    assert int(answer.headers["Retry-After"]) >= 1
    assert smsp.http.get("/healthcheck").json()["status"] == "draining"
    assert smsp.process.exit_status() == 0
    assert simulators.taken() == {}


def test_no_time_left(start_smsp, simulators):
    """Past the drain time-out the rest is answered by phase, and the exit status is 1."""
    smsp = start_smsp(CALL_TIMEOUT="20", DRAIN_TIMEOUT="0.3")
    with callers(smsp, ["slow-5000ms@example.org"] * 8) as waiting:
        all_in_flight(smsp, 8)
        smsp.process.terminate()
        answers = [one.result() for one in waiting]
        assert smsp.process.exit_status() == 1
    assert {answer.attempts[0] for answer in answers} == {("mailgun", "unknown", "cut")}
    audit_all(answers, simulators.taken())


IDLE, HALF_A_HEAD, HALF_A_BODY, DRIBBLING = range(4)


def test_requests_that_are_not_whole(start_smsp, simulators):
    """Whoever has half sent its message is told to go elsewhere; half a head and an idle connection
    are none. All of it is over long before the time-out, and the exit status is 0."""
    smsp = start_smsp(DRAIN_TIMEOUT="10")
    with ExitStack() as stack:
        callers = [stack.enter_context(unfinished(smsp, n % 4)) for n in range(40)]
        assert smsp.http.get("/livez").status_code == 200  # they were there before it
        began_at = time.monotonic()
        smsp.process.terminate()
        dribbling = callers[DRIBBLING::4]
        while smsp.process.is_running:
            for caller in dribbling:
                with suppress(OSError):
                    caller.sendall(b" ")
            time.sleep(0.05)
        assert smsp.process.exit_status() == 0
        assert time.monotonic() - began_at < 6.0
        heard = [everything_from(caller) for caller in callers]
    for silent in (IDLE, HALF_A_HEAD):
        assert set(heard[silent::4]) == {b""}
    for answer in heard[HALF_A_BODY::4] + heard[DRIBBLING::4]:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"draining"' in answer
        assert b"\r\nconnection: close\r\n" in answer.lower()
    assert simulators.taken() == {}


@contextmanager
def unfinished(smsp, how):
    """A connection on which a request has come so far."""
    head = (
        f"POST /email HTTP/1.1\r\nHost: x\r\nX-API-KEY: {KEY}\r\nIdempotency-Key: a\r\n"
        "Content-Type: application/json\r\nContent-Length: 20000\r\n\r\n{"
    ).encode()
    said = {IDLE: b"", HALF_A_HEAD: head[:60]}.get(how, head)
    where = smsp.url.removeprefix("http://").rsplit(":")
    with socket.create_connection((where[0], int(where[1])), 20) as caller:
        caller.sendall(said)
        yield caller


def everything_from(caller):
    """All bytes until the connection ends, in whatever way."""
    heard = b""
    with suppress(OSError):
        while piece := caller.recv(1 << 16):
            heard += piece
    return heard


@pytest.mark.ours_alone  # hypercorn's writes are cancelled with the rest
def test_a_second_signal(start_smsp):
    """Another SIGTERM stops at once, and who waits is told that nobody knows."""
    smsp = start_smsp(CALL_TIMEOUT="20")
    with callers(smsp, ["slow-15000ms@example.org"]) as waiting:
        all_in_flight(smsp, 1)
        smsp.process.terminate()
        eventually(lambda: smsp.process.event("server.draining"), "it drains")
        smsp.process.terminate()
        assert smsp.process.exit_status() == 1
        assert waiting[0].result().outcome == "unknown"


def _send_until_refused(smsp):
    """All answers of one caller until there are none."""
    answers = []
    while True:
        try:
            answers.append(smsp.send())
        except httpx.TransportError:
            return answers
