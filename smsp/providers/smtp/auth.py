"""PURE. How one logs in to an SMTP server (RFC 4954): what is said, and what to a challenge.

Knows no connection and no phase.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache

from smsp.providers.redaction import RUN

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


@lru_cache(maxsize=64)
def spoken(user: str, password: str) -> tuple[str, ...]:
    """The forms in which an account is said, and the password as it stands in any base64, whatever
    there is before and behind it. Remembered, since an account is one for all messages."""
    encoded = (_base64("\0" * before + password) for before in range(3))
    # Its first characters, and the last ones with the padding, depend on its neighbours.
    within = (word[-(-before * 8 // 6) : -4] for before, word in enumerate(encoded))
    return (
        password,
        _base64(f"\0{user}\0{password}"),
        _base64(user),
        _base64(password),
        *(word for word in within if len(word) >= RUN),
    )


def _base64(text: str) -> str:
    return b64encode(text.encode("ascii")).decode()
