"""PURE. One address gets one copy, however often a message names it.

Some providers send as many copies as an address has places (Postal stores a message for each,
SparkPost and Mailjet have been seen to send each), others refuse the message or fold repetitions
themselves. So they are dropped before anything looks at the message: a dry run, an idempotency
key, a provider's limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smsp.mail import Mailbox

Mailboxes = tuple[Mailbox, ...]


def each_once(
    to: Mailboxes, cc: Mailboxes, bcc: Mailboxes
) -> tuple[Mailboxes, Mailboxes, Mailboxes]:
    """The same recipients, each at the first of its places, in the order to, cc, bcc.

    Two mailboxes are one if their local parts are the same octet for octet (RFC 5321 §2.4: only
    the receiving host knows better) and their domains the same in IDNA form, whose case the
    parser has folded already. The first is kept with its display name. What stands in bcc is
    never moved to where it is seen, and to never becomes empty.
    """
    if len(to) == 1 and not cc and not bcc:
        return to, cc, bcc
    seen: set[tuple[str, str]] = set()
    return tuple(_new(to, seen)), tuple(_new(cc, seen)), tuple(_new(bcc, seen))


def _new(mailboxes: Iterable[Mailbox], seen: set[tuple[str, str]]) -> Iterator[Mailbox]:
    for mailbox in mailboxes:
        key = (mailbox.local, mailbox.ascii_domain)
        if key not in seen:
            seen.add(key)
            yield mailbox
