"""PURE. One string, one mailbox: ``a@b.c`` or ``Name <a@b.c>``.

Owns the syntax of addresses (RFC 5321, RFC 6531) and of display names (RFC 5322 §3.4), and when
two are one. Asks no DNS, and knows neither JSON nor which provider takes which address.

Two things are narrower than the RFCs allow, because providers are told addresses in strings
that lists are built from. A quoted local part may hold only what needs quotes for its place
(``"a..b"@c.d``, ``"a b"@c.d``), never a delimiter such as ``,`` ``<`` or ``@``; and a display
name with a delimiter must itself be quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from smsp.mail import Mailbox
from smsp.mail.headers import excerpt, one_line

Mailboxes = tuple[Mailbox, ...]

NAME_CHARACTERS_MAX = 320
LOCAL_OCTETS_MAX = 64
"""RFC 5321 §4.5.3.1.1."""
ADDRESS_OCTETS_MAX = 254
"""RFC 5321 §4.5.3.1.3: a path has at most 256 octets, two of which are its angle brackets."""

DOMAINS_KEPT = 1_024

# Room for the longest name, every character of it escaped, and the longest address.
_TEXT_CHARACTERS_MAX = 1_000

# Most addresses are plain, and need no more than these. They accept only what email-validator
# would return unchanged but for the case of the domain: it folds the names of some roles, too, and
# looks twice at labels with "--".
_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_LOCAL = rf"(?![^@]{{{LOCAL_OCTETS_MAX + 1}}}){_ATOM}(?:\.{_ATOM})*"
_LABEL = r"(?![^.]{64})[a-zA-Z0-9](?:-?[a-zA-Z0-9])*"
_PLAIN_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PLAIN = re.compile(rf"({_PLAIN_LOCAL})@({_PLAIN_DOMAIN.pattern})")

_QUOTED_LOCAL = re.compile(r'"[a-zA-Z0-9!#$%&\'*+/=?^_`{|}~. \u0080-\U0010ffff-]+"')
_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NAME_NEEDS_QUOTES = re.compile(r'[<>",;:@\\]')
_ESCAPE = re.compile(r"\\(.)")

# email-validator refuses special-use domains (.test, .local) by a list that could only be
# shortened for the whole process. A name one label deeper is none of them, and every other
# rule of a domain is a rule of its labels.
_DEEPER = ".x"


def parse_mailbox(text: str) -> Mailbox:
    """Read one mailbox.

    The domain comes out in Unicode and in IDNA form, the local part in NFC. Raises ValueError
    whose text says what is wrong, continues the name of the field ("must be ..."), is printable
    and short.
    """
    if len(text) > _TEXT_CHARACTERS_MAX:
        raise ValueError(f"must hold at most {_TEXT_CHARACTERS_MAX:,} characters")
    name, address = _name_and_address(one_line(text).strip(" "))
    if len(address) > ADDRESS_OCTETS_MAX:
        raise _too_long()
    plain = _PLAIN.fullmatch(address)
    if plain is not None and plain[1].lower() not in CASE_INSENSITIVE_MAILBOX_NAMES:
        domain = plain[2].lower()
        return Mailbox(plain[1], domain, domain, name)
    given_local, given_domain = _halves(address)
    local = _local(given_local)
    domain, ascii_domain = _domain(given_domain)
    if len(f"{local}@{ascii_domain}".encode()) > ADDRESS_OCTETS_MAX:
        raise _too_long()
    return Mailbox(local=local, domain=domain, ascii_domain=ascii_domain, name=name)


def each_once(
    to: Mailboxes, cc: Mailboxes, bcc: Mailboxes
) -> tuple[Mailboxes, Mailboxes, Mailboxes]:
    """The same recipients, each at the first of its places, in the order to, cc, bcc: one address
    gets one copy.

    Some providers send as many copies as an address has places (Postal stores a message for each,
    SparkPost and Mailjet have been seen to send each), others refuse the message or fold
    repetitions themselves. So they are dropped before anything looks at the message: a dry run, an
    idempotency key, a provider's limits.

    Two mailboxes are one if their local parts are the same octet for octet (RFC 5321 §2.4: only
    the receiving host knows better) and their domains the same in IDNA form, whose case the
    parser has folded already. The first is kept with its display name. What stands in bcc is
    never moved to where it is seen, and to never becomes empty.
    """
    if len(to) == 1 and not cc and not bcc:
        return to, cc, bcc
    seen: set[tuple[str, str]] = set()
    return tuple(_new(to, seen)), tuple(_new(cc, seen)), tuple(_new(bcc, seen))


def _name_and_address(text: str) -> tuple[str, str]:
    # The last "<" opens the address, since no address that we take holds one.
    phrase, bracket, rest = text.rpartition("<")
    if not bracket or not rest.endswith(">"):
        return "", text
    return _name(phrase.rstrip(" ")), rest[:-1]


def _name(phrase: str) -> str:
    if quoted := _QUOTED_NAME.fullmatch(phrase):
        name = _ESCAPE.sub(r"\1", quoted[1])
    elif _NAME_NEEDS_QUOTES.search(phrase):
        raise ValueError(
            'must be one mailbox: a display name with any of < > " , ; : @ \\ goes in double quotes'
        )
    else:
        name = phrase
    if len(name) > NAME_CHARACTERS_MAX:
        raise ValueError(f"has a display name of more than {NAME_CHARACTERS_MAX} characters")
    return name


def _halves(address: str) -> tuple[str, str]:
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError("is not an e-mail address: it has no @")
    if local.startswith('"') and not _QUOTED_LOCAL.fullmatch(local):
        raise ValueError(
            "is not an e-mail address we take: between quotes, the part before the @ "
            "may hold letters, digits, dots, spaces and !#$%&'*+-/=?^_`{|}~"
        )
    if "@" in local or "," in address or ";" in address:
        raise ValueError("must be one mailbox: several go in a list, each a string of its own")
    if not local or not domain:
        raise ValueError(
            f"is not an e-mail address: nothing {'after' if local else 'before'} the @"
        )
    return local, domain


def _local(given: str) -> str:
    local = _validated(f"{given}@x{_DEEPER}").local_part
    if len(local.encode()) > LOCAL_OCTETS_MAX:
        raise ValueError(
            f"is not an e-mail address: more than {LOCAL_OCTETS_MAX} octets before the @"
        )
    return local


@lru_cache(maxsize=DOMAINS_KEPT)
def _domain(given: str) -> tuple[str, str]:
    """The domain in Unicode and in IDNA form. Remembered: what is not ASCII takes a millisecond,
    and messages to one house have many recipients there."""
    if _PLAIN_DOMAIN.fullmatch(given):
        return given.lower(), given.lower()
    if given.endswith("."):
        raise ValueError("is not an e-mail address: it ends with a dot")
    validated = _validated(f"x@{given}{_DEEPER}")
    return validated.domain.removesuffix(_DEEPER), validated.ascii_domain.removesuffix(_DEEPER)


def _validated(address: str) -> ValidatedEmail:
    try:
        return validate_email(
            address,
            allow_quoted_local=True,
            strict=True,
            check_deliverability=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        why = excerpt(str(error).removesuffix("."), 160)
        raise ValueError(f"is not an e-mail address: {why[:1].lower()}{why[1:]}") from None


def _too_long() -> ValueError:
    return ValueError(f"is not an e-mail address: more than {ADDRESS_OCTETS_MAX} octets")


# The tables of IDNA are read at their first use, which takes longer than any message may.
_domain("\N{LATIN SMALL LETTER U WITH DIAERESIS}.x")


def _new(mailboxes: Iterable[Mailbox], seen: set[tuple[str, str]]) -> Iterator[Mailbox]:
    for mailbox in mailboxes:
        key = (mailbox.local, mailbox.ascii_domain)
        if key not in seen:
            seen.add(key)
            yield mailbox
