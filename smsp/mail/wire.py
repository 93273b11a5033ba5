"""PURE. The JSON object that ``POST /email`` takes, as a model and so as an OpenAPI schema.

Owns the wire's names, what each is for, and the way from there to :class:`smsp.mail.Mail`.
Knows nothing of HTTP, and does not word the faults of a wrong shape: :mod:`smsp.mail.parsing` does.
An optional field that is ``null`` is an absent one.
"""

from __future__ import annotations

from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smsp.mail import Attachment, Mail
from smsp.mail.fields import (
    ENTRIES_MAX,
    TAGS_MAX,
    Base64,
    ContentId,
    ContentType,
    FileName,
    Headers,
    Label,
    Line,
    Mailboxes,
    MailboxText,
    Metadata,
    ProviderName,
    Recipients,
    few_entries,
)
from smsp.mail.mailbox import each_once


class _Closed(BaseModel):
    """An object of the wire: immutable once read, with no fields but its own, no coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: object) -> object:
        return few_entries(value)


class EmailAttachment(_Closed):
    """A file that travels with the message."""

    filename: FileName = Field(
        description="What the recipient sees the file called; no path.",
        examples=["invoice.pdf"],
    )
    contenttype: ContentType = Field(
        description="Its media type, with or without parameters; not a multipart type.",
        examples=["application/pdf", "text/csv; charset=utf-8"],
    )
    content: Base64 = Field(
        description="The file itself in base64 (RFC 4648 section 4), padded, without line breaks.",
        examples=["JVBERi0xLjcK"],
    )
    contentid: ContentId | None = Field(
        default=None,
        description="Makes the file inline: the HTML body shows it as `cid:` and this word.",
        examples=["logo"],
    )

    def to_attachment(self) -> Attachment:
        """The same, as the value that travels to the adapters."""
        return Attachment(self.filename, self.contenttype, self.content, self.contentid)


class EmailMessage(_Closed):
    """One message. A mailbox is `a@b.c` or `Name <a@b.c>`; one string is one mailbox."""

    model_config = ConfigDict(
        title="EmailMessage",
        json_schema_extra={
            "examples": [
                {
                    "fromaddress": "Shop <shop@example.com>",
                    "toaddress": "alice@example.org",
                    "subject": "Your order",
                    "plaintextbody": "It is on its way.",
                }
            ]
        },
    )

    fromaddress: MailboxText = Field(
        description="Whom the message is from.",
        examples=["Shop <shop@example.com>"],
    )
    toaddress: Recipients = Field(
        description=(
            "To whom it goes. With cc and bcc at most 1,000 recipients, repetitions included; an "
            "address that is named more than once gets one copy, at its first place."
        ),
        examples=["alice@example.org", ["Alice <alice@example.org>", "bob@example.net"]],
    )
    ccaddress: Mailboxes | None = Field(
        default=None,
        description="Who gets a copy that everybody sees.",
        examples=["carol@example.org"],
    )
    bccaddress: Mailboxes | None = Field(
        default=None,
        description="Who gets a copy that nobody else sees.",
        examples=["archive@example.com"],
    )
    replytoaddress: Mailboxes | None = Field(
        default=None,
        description="Where answers should go instead of `fromaddress`.",
        examples=["Help <help@example.com>"],
    )
    subject: Line | None = Field(
        default=None,
        description="One line of text.",
        examples=["Your order"],
    )
    plaintextbody: str | None = Field(
        default=None,
        description="The message as plain text. With `htmlbody`, the alternative to it.",
        examples=["It is on its way."],
    )
    htmlbody: str | None = Field(
        default=None,
        description="The message as HTML.",
        examples=["<p>It is on its way.</p>"],
    )
    headers: Headers | None = Field(
        default=None,
        description=(
            "Further headers. Names that have a field of their own here, that belong to transport "
            "or to MIME, or that steer a provider are refused."
        ),
        examples=[{"X-Order": "1234", "List-Unsubscribe": "<https://example.com/leave>"}],
    )
    attachments: list[EmailAttachment] | None = Field(
        default=None,
        max_length=ENTRIES_MAX,
        description="Files that travel with the message.",
        examples=[
            [
                {
                    "filename": "invoice.pdf",
                    "contenttype": "application/pdf",
                    "content": "JVBERi0xLjcK",
                }
            ]
        ],
    )
    tags: list[Label] | None = Field(
        default=None,
        max_length=TAGS_MAX,
        description="Words to group messages by, where the provider has such.",
        examples=[["receipt"]],
    )
    metadata: Metadata | None = Field(
        default=None,
        description="Names and values to find the message by, where the provider has such.",
        examples=[{"order": "1234"}],
    )
    provider: ProviderName | None = Field(
        default=None,
        description="The only provider that may take this message; there is no failover then.",
        examples=["mailgun"],
    )

    def to_mail(self) -> Mail:
        """The same, as the value that travels to the adapters."""
        to, cc, bcc = each_once(
            tuple(self.toaddress), tuple(self.ccaddress or ()), tuple(self.bccaddress or ())
        )
        return Mail(
            sender=self.fromaddress,
            to=to,
            cc=cc,
            bcc=bcc,
            reply_to=tuple(self.replytoaddress or ()),
            subject=self.subject or "",
            text=self.plaintextbody,
            html=self.htmlbody,
            headers=MappingProxyType(self.headers or {}),
            attachments=tuple(part.to_attachment() for part in self.attachments or ()),
            tags=tuple(self.tags or ()),
            metadata=MappingProxyType(self.metadata or {}),
            provider=self.provider,
        )
