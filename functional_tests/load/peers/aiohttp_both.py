"""aiohttp on both sides, on uvloop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, TCPConnector, web

SESSION = web.AppKey("session", ClientSession)


async def session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(os.environ["STUB"], connector=TCPConnector(limit=256)) as client:
        app[SESSION] = client
        yield


async def send(request: web.Request) -> web.Response:
    mail = await request.json()
    body = {
        "personalizations": [{"to": [{"email": mail["toaddress"]}]}],
        "from": {"email": mail["fromaddress"]},
        "subject": mail["subject"],
        "content": [{"type": "text/plain", "value": mail["plaintextbody"]}],
    }
    headers = {"Authorization": "Bearer key"}
    posting = request.app[SESSION].post("/v3/mail/send", json=body, headers=headers)
    async with posting as answer:
        return web.json_response({"message": "sent", "status": answer.status})


app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_post("/email", send)
loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
web.run_app(
    app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None, loop=loop
)
