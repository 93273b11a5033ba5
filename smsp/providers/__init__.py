"""The registry: every kind of provider that SMSP knows.

A new provider is one file with one adapter (or connector), and one line here. Its settings are
that one's fields, so nothing else has to learn of it. Other people's are in their own packages:
see :mod:`smsp.providers.plugins`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smsp.providers.adapters.brevo import Brevo
from smsp.providers.adapters.mailersend import MailerSend
from smsp.providers.adapters.mailgun import Mailgun
from smsp.providers.adapters.mailjet import Mailjet
from smsp.providers.adapters.mailtrap import Mailtrap
from smsp.providers.adapters.postal import Postal
from smsp.providers.adapters.postmark import Postmark
from smsp.providers.adapters.resend import Resend
from smsp.providers.adapters.scaleway import Scaleway
from smsp.providers.adapters.sendgrid import SendGrid
from smsp.providers.adapters.ses import Ses
from smsp.providers.adapters.sparkpost import SparkPost
from smsp.providers.kinds import Kind
from smsp.providers.smtp import Smtp

KINDS: Mapping[str, type[Kind]] = MappingProxyType(
    {
        "mailgun": Mailgun,
        "sendgrid": SendGrid,
        "brevo": Brevo,
        "mailersend": MailerSend,
        "mailjet": Mailjet,
        "mailtrap": Mailtrap,
        "postal": Postal,
        "postmark": Postmark,
        "resend": Resend,
        "scaleway": Scaleway,
        "ses": Ses,
        "sparkpost": SparkPost,
        "smtp": Smtp,
    }
)
"""Each kind, by the word that ``SMSP_PROVIDERS`` and ``_KIND`` use for it."""

UNNAMED = ("mailgun", "sendgrid")
"""The kinds that are used for their credentials alone, in this order, when an operator names no
providers: those of the first SMSP. Any other must be named."""
