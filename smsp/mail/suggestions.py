"""PURE. Which field was meant by a name that is none: what other APIs call it, or a slip.

Owns the names that callers bring along. Letter case, ``_``, ``-`` and the like make no difference:
``reply_to``, ``replyTo`` and ``Reply-To`` are one name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

from smsp.mail.wire import EmailAttachment, EmailMessage

NAME_CHARACTERS_MAX = 32
"""A longer name is nobody's slip, and would take long to compare."""
_ALIKE = 0.75
"""How alike a slip and the name it stands for are, as difflib reckons: one letter of four."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")


def _by_name(names: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({name: field for field, all_ in names.items() for name in all_.split()})


_MESSAGE = _by_name(
    {
        "fromaddress": "from fromemail fromname mailfrom sender senderemail source",
        "toaddress": "to toemail recipient recipients destination receiver rcptto personalizations",
        "ccaddress": "cc ccemail ccs ccrecipients carboncopy",
        "bccaddress": "bcc bccemail bccs bccrecipients blindcarboncopy",
        "replytoaddress": "replyto replytoemail replytolist reply answerto",
        "subject": "subjectline title",
        "plaintextbody": "text textbody textcontent textpart plain plaintext plainbody bodytext",
        "htmlbody": "html htmlcontent htmlpart htmltext bodyhtml",
        "plaintextbody or htmlbody": "body content message",
        "headers": "header customheaders extraheaders",
        "attachments": "attachment files file inlineattachments inlinedattachments images",
        "tags": "tag category categories",
        "metadata": "meta customargs customdata customvariables variables vars",
        "provider": "providers via",
    }
)
_FILE = _by_name(
    {
        "filename": "name file",
        "contenttype": "type mimetype mediatype mime",
        "content": "data body base64 base64content contentbytes contents",
        "contentid": "cid inlineid",
    }
)
"""What others call our fields."""


def meant(name: str, *, of_file: bool) -> str | None:
    """The field of a message, or of a file attached to it, that this name may stand for; two with
    an "or" where it may be either."""
    if len(name) > NAME_CHARACTERS_MAX:
        return None
    others, model = (_FILE, EmailAttachment) if of_file else (_MESSAGE, EmailMessage)
    plain = _SEPARATORS.sub("", name.lower())
    if plain in others:
        return others[plain]
    return next(iter(difflib.get_close_matches(plain, model.model_fields, 1, _ALIKE)), None)
