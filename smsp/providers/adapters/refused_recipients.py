"""PURE. Whom a provider has left out of a message that it has taken, as far as its answer tells.

Owns the matching of what a provider names or counts with the recipients of the message. Only an
address of the message's own is ever listed; any other that is named stands for somebody, and is
counted, but never shown. Without knowing the recipients, nobody can be told.

A message that was taken has somebody who gets it, so a count never reaches everybody: only when
each recipient is named was the message refused altogether (see ``concluded``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from smsp.mail import Mailbox
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    REFUSED_LISTED_MAX,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
)
from smsp.providers.adapters.answers import presentable
from smsp.providers.kinds import HttpReply

Naming = tuple[str, Reason, str]
"""An address as a provider spells it, why it was refused, and the provider's words for that."""


def named(
    reply: HttpReply, namings: Iterable[Naming], secrets: Iterable[str] = ()
) -> RefusedRecipients | None:
    """Those whom a provider names; ``None`` if it names nobody who can have been left out.

    Letter case does not matter where nobody matches exactly: Postmark answers in lower case.
    """
    own, secrets = _own_addresses(reply.recipients), tuple(secrets)
    found: dict[str, RefusedRecipient] = {}
    strangers: list[Reason] = []
    for name, reason, words in namings:
        address = _find(own, name)
        if address is None:
            strangers.append(reason)
        elif address not in found:
            found[address] = RefusedRecipient(address, reason, presentable(words, secrets))
    others = max(len(_distinct(reply.recipients)) - len(found) - 1, 0)
    return _refused(list(found.values()), strangers[:others])


def counted(reply: HttpReply, refused: int | None, reason: Reason) -> RefusedRecipients | None:
    """So many, of whom a provider says no more; ``None`` for a number that cannot be true."""
    if refused == 0:
        return NOBODY_REFUSED
    if refused is None or not 0 < refused < len(reply.recipients):
        return None
    return RefusedRecipients((), refused, reason)


def all_but(reply: HttpReply, taken: Iterable[str], reason: Reason) -> RefusedRecipients | None:
    """All but those whom a provider lists as the ones it has taken the message for.

    Who is listed in a spelling that is not ours may be any of those who seem to be missing: then
    they are counted only. ``None`` if nobody is listed.
    """
    names = set(filter(None, taken))
    missing = len(reply.recipients) - len(names)
    if not names or not reply.recipients:
        return None
    if missing <= 0:
        return NOBODY_REFUSED
    own = _own_addresses(reply.recipients)
    known = {address.casefold() for name in names if (address := _find(own, name)) is not None}
    left = [each for each in _distinct(reply.recipients) if each.casefold() not in known]
    if len(left) > missing:
        return counted(reply, missing, reason)
    return _refused([RefusedRecipient(address, reason) for address in left], ()) or NOBODY_REFUSED


def concluded(
    reply: HttpReply, message_id: str | None, refused: RefusedRecipients | None
) -> Sent | Rejected:
    """Sent to whoever was not refused; rejected if that is nobody."""
    if refused is None or not refused.listed:
        return Sent(message_id, refused)
    if refused.count < len(_distinct(reply.recipients)):
        return Sent(message_id, refused)
    first = refused.listed[0]
    return Rejected(first.reason, first.detail)


def _refused(
    found: Sequence[RefusedRecipient], strangers: Collection[Reason]
) -> RefusedRecipients | None:
    """With the reason of the first one who is not listed for all who are not."""
    if not found and not strangers:
        return None
    listed, rest = tuple(found[:REFUSED_LISTED_MAX]), found[REFUSED_LISTED_MAX:]
    reasons = [*(one.reason for one in rest), *strangers]
    return RefusedRecipients(listed, len(reasons), next(iter(reasons), Reason.MESSAGE_REFUSED))


def _distinct(recipients: Iterable[Mailbox]) -> list[str]:
    return list(dict.fromkeys(each.address for each in recipients))


def _own_addresses(recipients: Sequence[Mailbox]) -> Mapping[str, str]:
    """The message's addresses by every spelling in which they are recognised.

    That is with the domain in its IDNA form or in Unicode, and without regard to letter case, as
    long as no other has that very spelling.
    """
    own = {each.address: each.address for each in recipients}
    for each in recipients:
        own.setdefault(f"{each.local}@{each.domain}", each.address)
    for spelling, address in list(own.items()):
        own.setdefault(spelling.casefold(), address)
    return own


def _find(own: Mapping[str, str], name: str) -> str | None:
    """The address that is meant by ``name``, which may have a display name before it."""
    spelt = name.strip()
    if spelt not in own and spelt.endswith(">"):
        spelt = spelt[:-1].rpartition("<")[2].strip()
    return own.get(spelt) or own.get(spelt.casefold())
