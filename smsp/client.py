"""For callers: send one message through a running SMSP, from synchronous code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 310.0
"""A little more than the longest ``SMSP-Deadline``: it is the server who says that time is up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """SMSP's answer. ``outcome`` is None when the request itself was refused."""

    status: int
    body: Mapping[str, object]

    @property
    def outcome(self) -> str | None:
        """``sent``, ``rejected``, ``not_sent`` or ``unknown``."""
        outcome = self.body.get("outcome")
        return outcome if isinstance(outcome, str) else None


class Unreachable(Exception):
    """No answer came. Unless the connection was refused, the message may have been sent."""


class Client:
    """A connection to one SMSP. ``key`` is an API key with the scope ``send``."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"X-API-KEY": key},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def send(self, message: Mapping[str, object], *, deadline_s: float | None = None) -> Answer:
        """Send one message, as ``POST /email`` takes it. Raises :class:`Unreachable`."""
        headers = {} if deadline_s is None else {"SMSP-Deadline": f"{deadline_s:g}"}
        try:
            response = self._http.post("/email", json=message, headers=headers)
            body = response.json()
        except httpx.TransportError as error:
            raise Unreachable(f"no answer from SMSP: {error}") from error
        except ValueError as error:
            raise Unreachable("this is no SMSP: the answer is not JSON") from error
        return Answer(response.status_code, body if isinstance(body, dict) else {})

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
