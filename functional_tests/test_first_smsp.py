"""The first SMSP's own three functional tests, in their order, in mock mode, and what follows.

They run against the SMSP that ``SMSP_PROTOCOL``, ``SMSP_HOST_PORT`` and ``SMSP_API_KEY`` name,
else against one of our own. Each begins where the one before it has ended.
"""

from __future__ import annotations

from functional_tests.kit.polling import eventually

POLLED_WITHIN_S = 70.0
"""A named SMSP may have been told to poll its open circuits once a minute at most."""


def test_a_send(mock_smsp):
    """A message of the first SMSP's four fields is answered 200."""
    answer = eventually(lambda: _if_sent(mock_smsp), "a message is sent", within_s=POLLED_WITHIN_S)
    assert answer.outcome == "sent"


def test_a_send_that_times_out(mock_smsp):
    """The subject ``timeout`` is an error with a message: nobody knows what became of the mail."""
    answer = mock_smsp.send(subject="timeout")
    assert (answer.status, answer.outcome) == (504, "unknown")
    assert answer.body["message"]


def test_a_send_while_all_circuits_are_open(mock_smsp):
    """The next message fails fast, and the caller is told when to come back."""
    answer = mock_smsp.send()
    assert (answer.status, answer.outcome) == (503, "not_sent")
    assert answer.attempts == [("mock", "refused", "open")]
    assert answer.body["message"]
    assert int(answer.headers["Retry-After"]) >= 1


def test_sends_after_the_poll(mock_smsp):
    """The dummy message is taken, the circuit closes, and mail flows again."""
    eventually(lambda: _if_sent(mock_smsp), "the circuit closes", within_s=POLLED_WITHIN_S)
    assert [mock_smsp.send().status for _ in range(3)] == [200, 200, 200]


def _if_sent(smsp):
    answer = smsp.send()
    return answer if answer.status == 200 else None
