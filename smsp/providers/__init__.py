"""The registry: every kind of provider that SMSP knows.

A new provider is one file with one adapter (or connector), and one line here. Its settings are
that one's fields, so nothing else has to learn of it. The order decides who goes first when an
operator names no providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smsp.providers.brevo import Brevo
from smsp.providers.mailgun import Mailgun
from smsp.providers.mailjet import Mailjet
from smsp.providers.postmark import Postmark
from smsp.providers.protocols import Kind
from smsp.providers.resend import Resend
from smsp.providers.sendgrid import SendGrid
from smsp.providers.smtp import Smtp
from smsp.providers.sparkpost import SparkPost

KINDS: Mapping[str, type[Kind]] = MappingProxyType(
    {
        "mailgun": Mailgun,
        "sendgrid": SendGrid,
        "smtp": Smtp,
        "brevo": Brevo,
        "mailjet": Mailjet,
        "postmark": Postmark,
        "resend": Resend,
        "sparkpost": SparkPost,
    }
)
"""Each kind, by the word that ``SMSP_PROVIDERS`` and ``_KIND`` use for it."""

UNNAMED = ("mailgun", "sendgrid")
"""The kinds that are used for their credentials alone, in this order, when an operator names no
providers: those of the first SMSP. Any other must be named."""
