"""PURE. Whether a caller may do what it asks for: the checks of every way in, and their order.

A way in (HTTP, SMTP) calls the methods of :class:`Admission` in the order in which they stand, and
turns a refusal into words of its own protocol. The order is part of the contract: a key is known
before anything else is said; what a message costs to read, a key can cause only as often as it may
send; room is made as the message comes; and only a message that was understood has a sender.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from smsp.admission.budget import ByteBudget, Share
from smsp.admission.keyring import Keyring
from smsp.admission.rates import Failures
from smsp.keys import Key, Scope


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """No key was shown, or one that opens nothing."""


@dataclass(frozen=True, slots=True)
class TooManyWrongKeys:
    """From this address, which is told nothing about a key for ``wait_s`` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class MissingScope:
    """The key is known, and does not allow this."""

    key: Key
    scope: Scope


@dataclass(frozen=True, slots=True)
class TooManyMessages:
    """The key's rate is used up for ``wait_s`` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class ForeignSender:
    """The key may not send from the domain of the message's sender."""


NotAdmitted = UnknownKey | TooManyWrongKeys | MissingScope | TooManyMessages | ForeignSender


class Admission:
    """The checks, over what is known of keys, of addresses and of the bytes that are held. What it
    is given is held by others, too: it only asks."""

    def __init__(self, keyring: Keyring, failures: Failures, body_budget: ByteBudget) -> None:
        self._keyring = keyring
        self._failures = failures
        self._body_budget = body_budget

    def enter(self, key: Key | None, scope: Scope) -> Key | UnknownKey | MissingScope:
        """First: whether this key, as the keyring found it, is one and has the scope."""
        if key is None:
            return UnknownKey()
        return key if scope in key.scopes else MissingScope(key, scope)

    def fail(self, address: str, now: float) -> UnknownKey | TooManyWrongKeys:
        """Who showed no known key came from there: what it is told. A right key never gets here."""
        wait_s = self._failures.failed(address, now)
        return TooManyWrongKeys(wait_s) if wait_s else UnknownKey()

    def use(self, key: Key, now: float) -> TooManyMessages | None:
        """Second, before a message is read: use up one of those that the key may send now."""
        wait_s = self._keyring.use(key, now)
        return TooManyMessages(wait_s) if wait_s else None

    def room(self, key: Key) -> AbstractContextManager[Share]:
        """Third: room for the bytes of one message, for the length of a block."""
        return self._body_budget.share(key.name, alone=self._keyring.one_sends)

    def sender(self, key: Key, ascii_domain: str) -> ForeignSender | None:
        """Fourth, once the message is understood: whether its sender's domain is the key's."""
        return None if key.may_send_from(ascii_domain) else ForeignSender()

    def refund(self, key: Key) -> None:
        """Give back what :meth:`use` used up: no message came of it."""
        self._keyring.refund(key)

    def keep(self, share: Share, message: UUID, providers: Iterable[str]) -> None:
        """Hold the room beyond its block: these providers have the message still."""
        self._body_budget.keep(share, message, providers)
