"""An answer that goes on for as long as there is something to tell and somebody to hear it.

Knows nothing of what is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendCallable
    from quart.wrappers.response import ResponseBody

    from smsp.web.caller import Caller


async def stream(caller: Caller, send: ASGISendCallable, answer: ResponseBody) -> None:
    """Send every piece of the answer as it comes, until there are no more or the caller hangs up.

    Somebody has to listen for that: hypercorn says it in the queue of the request's body, and
    sends on into a closed connection without a word.
    """
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as telling:
            nursery.start_soon(_listen, caller, telling)
            async with answer as pieces:
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        # Outside the scope, so that hypercorn's closing runs to its end; heard, since it says there
        # that the exchange is over, and needs room to say it.
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()


async def _listen(caller: Caller, telling: trio.CancelScope) -> None:
    await caller.gone()
    telling.cancel()
