"""The one moment at which an SMTP call is committed, and after which it cannot be taken back."""

from __future__ import annotations

from functools import partial

import trio

from smsp.providers.smtp_provider import _commit


class Noted:
    """Notes whether it was told."""

    committed = False

    def commit(self) -> None:
        self.committed = True


def worker(progress: Noted) -> bool:
    """What a dialogue's thread does before it writes the dot."""
    return trio.from_thread.run_sync(partial(_commit, progress))


async def test_a_call_is_committed_before_the_dot():
    """The thread goes on when the circuit knows, and no sooner."""
    progress = Noted()
    assert await trio.to_thread.run_sync(worker, progress)
    assert progress.committed


async def test_a_cancelled_call_is_never_committed():
    """A deadline that passes while the message is written forbids the dot."""
    progress = Noted()
    allowed: list[bool] = []
    with trio.CancelScope() as scope:

        def cancelled_meanwhile() -> None:
            trio.from_thread.run_sync(scope.cancel)
            allowed.append(worker(progress))

        await trio.to_thread.run_sync(cancelled_meanwhile)
    assert allowed == [False]
    assert not progress.committed
