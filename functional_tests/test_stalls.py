"""A node that stands still for a while, as on a paused machine or with a stolen CPU: what came
meanwhile is read before anybody's time is up, and no provider is blamed for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from functional_tests.kit.audit import audit_all
from functional_tests.kit.polling import eventually
from functional_tests.kit.simulators import PROVIDERS
from functional_tests.kit.smsp import Answer, Smsp
from functional_tests.kit.smtp_peers import dispatcher

CALL_S = 1.0
STOPPED_S = 5.0
SETTINGS = {"CALL_TIMEOUT": f"{CALL_S:g}", "SETTLE_TIMEOUT": "1"}
WRITTEN_WITHIN_S = 0.2
NAP_S = 0.3
"""So late may be seen that nobody looks, beside the time for which it is so."""
MANY = 40
ANSWERS_MEANWHILE = "slow-500ms@example.org"


Answers = list[Future[Answer]]


@contextmanager
def under_way(smsp: Smsp, send: Callable[[], Answer], number: int) -> Iterator[Answers]:
    """So many messages, with their providers when the block begins, and answered at its end."""
    with ThreadPoolExecutor(number) as callers:
        answers = [callers.submit(send) for _ in range(number)]
        eventually(lambda: _in_flight(smsp) == number, f"{number} calls are under way")
        time.sleep(WRITTEN_WITHIN_S)
        yield answers
        wait(answers)


def _in_flight(smsp: Smsp) -> int:
    return sum(one["in_flight"] for one in smsp.providers())


def opened(smsp: Smsp, before: Sequence[list]) -> list[str]:
    """Why circuits have opened that had not been open ``before``."""
    return [
        why
        for name, old in zip(PROVIDERS, before, strict=True)
        for at, why in smsp.openings(name)[len(old) :]
    ]


def lag_s(smsp: Smsp) -> float:
    """What the node says about its own lateness."""
    text = smsp.http.get("/metrics").raise_for_status().text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "smsp_loop_lag_seconds"
    )


@pytest.fixture
def before(smsp) -> list[list]:
    """The openings of each circuit so far."""
    return [smsp.openings(name) for name in PROVIDERS]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stopped_s", [STOPPED_S, CALL_S])
def test_answers_that_came_meanwhile(smsp, simulators, before, provider, stopped_s):
    """Each is read, however late: every message is sent, and no circuit opens."""
    with under_way(smsp, lambda: smsp.send(ANSWERS_MEANWHILE, provider=provider), MANY) as answers:
        smsp.process.pause()
        time.sleep(stopped_s)
        smsp.process.resume()
    told = [answer.result() for answer in answers]
    assert {answer.outcome for answer in told} == {"sent"}
    assert opened(smsp, before) == []
    audit_all(told, simulators.taken())
    assert lag_s(smsp) > stopped_s - NAP_S
    stalled = [one["seconds"] for one in smsp.process.events if one["event"] == "loop.stalled"]
    assert stalled[-1] == pytest.approx(stopped_s, abs=0.5)


def test_an_smtp_server_that_answered_meanwhile(start_alone):
    """Its 250 is heard as well, and each message is with it once."""
    with dispatcher() as room:
        room.pause_s = CALL_S / 2
        settings = {
            "SMSP_PROVIDERS": "smtp",
            "SMSP_SMTP_HOST": "127.0.0.1",
            "SMSP_SMTP_PORT": str(room.port),
            "SMSP_SMTP_SECURITY": "none",
            "SMSP_CALL_TIMEOUT": f"{CALL_S:g}",
            "SMSP_POLL_MESSAGE_ADDRESS": "poll@mail.example.com",
        }
        smsp = start_alone(settings)
        with under_way(smsp, smsp.send, MANY) as answers:
            smsp.process.pause()
            time.sleep(STOPPED_S)
            smsp.process.resume()
        assert {answer.result().outcome for answer in answers} == {"sent"}
        assert smsp.openings("smtp") == []
        assert len(room.taken) == MANY


def test_no_answer_comes_after_a_stop(smsp, simulators, before):
    """A message whose answer never comes is in doubt all the same; who was not listened to for so
    long is not blamed for it. The next one that hangs is."""
    with under_way(smsp, lambda: smsp.send("hang@example.org", provider="mailgun"), 1) as answers:
        smsp.process.pause()
        time.sleep(STOPPED_S)
        smsp.process.resume()
    assert answers[0].result().attempts == [("mailgun", "unknown", "timeout")]
    assert opened(smsp, before) == []
    assert smsp.send("hang@example.org", provider="mailgun").outcome == "unknown"
    assert opened(smsp, before) == ["timeout"]


def test_callers_who_came_meanwhile(smsp, simulators, before):
    """They are taken and served, in the order in which the system has them."""
    smsp.process.pause()
    with ThreadPoolExecutor(MANY) as callers:
        answers = [callers.submit(smsp.send) for _ in range(MANY)]
        time.sleep(STOPPED_S)
        smsp.process.resume()
    told = [answer.result() for answer in answers]
    assert {answer.outcome for answer in told} == {"sent"}
    assert opened(smsp, before) == []
    audit_all(told, simulators.taken())
