"""PURE. How one logs in to an SMTP server (RFC 4954): what is said, and what to a challenge.

Knows no connection and no phase.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

CHALLENGE = 334
CHALLENGES_MAX = 3
"""No mechanism of ours has more; a server that goes on asking leads nowhere."""


@dataclass(frozen=True, slots=True)
class Login:
    """``command`` begins it. Each challenge, as it came, is answered by what ``respond`` returns;
    it raises ``ValueError`` for one that is not in base64."""

    command: str = field(repr=False)
    respond: Callable[[str], str] = field(repr=False)


def login_by(mechanisms: Collection[str], user: str, password: str) -> Login | None:
    """By the first mechanism of ours that the server has, in capitals; ``None`` if it has none.

    One, and once: a password that is refused by every mechanism in turn locks the account. Both
    are ASCII.
    """
    if "PLAIN" in mechanisms:  # RFC 4616
        plain = _base64(f"\0{user}\0{password}")
        return Login(f"AUTH PLAIN {plain}", lambda _: plain)
    if "LOGIN" in mechanisms:  # draft-murchison-sasl-login
        return Login(f"AUTH LOGIN {_base64(user)}", lambda _: _base64(password))
    if "CRAM-MD5" in mechanisms:  # RFC 2195

        def respond(challenge: str) -> str:
            asked = b64decode(challenge, validate=True)
            return _base64(f"{user} {hmac.new(password.encode(), asked, 'md5').hexdigest()}")

        return Login("AUTH CRAM-MD5", respond)
    return None


def spoken(user: str, password: str) -> tuple[str, ...]:
    """The forms in which a password is said, beside itself."""
    return (_base64(f"\0{user}\0{password}"), _base64(password), password)


def _base64(text: str) -> str:
    return b64encode(text.encode("ascii")).decode()
