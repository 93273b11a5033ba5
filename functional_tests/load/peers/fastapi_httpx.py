"""FastAPI on uvicorn, with httpx: what is written first, and often left so."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

client = httpx.AsyncClient(base_url=os.environ["STUB"])


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with client:
        yield


app = FastAPI(lifespan=lifespan)


class Mail(BaseModel):
    fromaddress: str
    toaddress: str
    subject: str
    plaintextbody: str


@app.post("/email")
async def send(mail: Mail) -> dict[str, object]:
    answer = await client.post(
        "/v3/mail/send",
        headers={"Authorization": "Bearer key"},
        json={
            "personalizations": [{"to": [{"email": mail.toaddress}]}],
            "from": {"email": mail.fromaddress},
            "subject": mail.subject,
            "content": [{"type": "text/plain", "value": mail.plaintextbody}],
        },
    )
    return {"message": "sent", "status": answer.status_code}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
