"""PURE. Scaleway Transactional Email, API version 1 alpha 1.

Sending    https://www.scaleway.com/en/developers/api/transactional-email/#path-emails-send-an-email
Limits     https://www.scaleway.com/en/docs/transactional-email/reference-content/tem-capabilities-and-limits/
Errors     https://github.com/scaleway/scaleway-sdk-go/blob/master/scw/errors.go

Owns how a message is said to Scaleway and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field
from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mailbox, Submission
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipients,
    Rejected,
    Sent,
)
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.body import json_text
from smsp.providers.encoding.headers import ascii_name_addr
from smsp.providers.encoding.json_fields import base64_part, email_and_name, filled, json_body
from smsp.providers.encoding.mime import OUR_ID
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_CONTENT = "subject|text|html|attachments|additional_headers"

# The bodies are {"type": "invalid_arguments", "message": "…", "details": [{"argument_name": "to",
# "reason": "format", "help_message": "…"}, …]}, matched here as "type: message; argument: help; …".
# What is missing here is judged by its status alone.
_ANSWERS = (
    ResponseRule(400, r"; (to|cc|bcc)\b", Rejected(Reason.BAD_RECIPIENT)),
    ResponseRule(400, r"; from\b", NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)),
    ResponseRule(400, rf"; ({_CONTENT})\b", Rejected(Reason.BAD_CONTENT)),
    # {"type": "quotas_exceeded", "details": [{"resource": …, "quota": …, "current": …}]}
    *(
        ResponseRule(status, r"^quotas_exceeded\b", NotSent(Reason.NO_CREDITS, Blame.ACCOUNT))
        for status in (400, 403, 429)
    ),
    # {"type": "permissions_denied", "details": [{"resource": …, "action": …}]}
    ResponseRule(403, r"^permissions_denied\b", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
)

# The page lists media types. ZIP is for one plan only.
# fmt: off
_EXTENSIONS = frozenset({
    "crl", "csv", "doc", "docx", "dwf", "dwg", "dwt", "dxf", "gif", "htm", "html", "ics", "jpeg",
    "jpg", "mp3", "ods", "p7b", "spc", "p7c", "p7m", "p10", "p12", "pfx", "p7r", "p7s", "pdf",
    "png", "svg", "tif", "tiff", "txt", "wav", "webp", "xls", "xlsx", "xltx", "xml",
})
# fmt: on


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Scaleway:
    """One project at Scaleway.

    It has neither tags nor metadata, so that our id travels in a header. With a local part that
    is not ASCII its mail is lost (django-anymail, ``docs/esps/scaleway.rst``): not claimed.
    """

    secret_key: ApiKey
    project_id: UUID = Field(description="project id")
    region: Literal["fr-par", "nl-ams", "pl-waw"] = "fr-par"

    facts: ClassVar[Facts] = Facts(
        title="Scaleway",
        regions=("fr-par",),
        probe="the domains, then a message without recipients, which it refuses",
        probe_cost="none",
    )
    # "The subject, body and HTML of your emails must have at least 10 characters."
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=10,
        bytes_max=2_000_000,
        text_min=10,
        attachments_max=10,
        file_extensions=_EXTENSIONS,
        inline=False,
        tags_max=0,
        metadata=False,
    )
    control_headers: ClassVar[tuple[str, ...]] = ()

    def encode(self, submission: Submission) -> HttpCall:
        """The message in Scaleway's JSON."""
        return self._post(self._payload(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"emails": [{"id": "…", "status": "sending"}, …]}`` is sent, nothing else.

        There is an entry for each recipient; of those who get it, the first stands for the
        message. If every one has ``failed`` or was ``canceled``, nobody will get it.
        """
        emails = answers.items(answers.member(answers.json_of(reply), "emails"))
        if reply.status != 200 or not reply.complete or not emails:
            return self._refusal(reply)
        taken = [email for email in emails if not _has_failed(email)]
        if not taken and len(emails) >= len(reply.recipients):
            return Rejected(Reason.MESSAGE_REFUSED)
        message_id = answers.identifier(answers.member(next(iter(taken), None), "id"))
        return (
            Sent(message_id, self._refused(reply, emails)) if message_id else self._refusal(reply)
        )

    def _refused(self, reply: HttpReply, emails: Sequence[object]) -> RefusedRecipients | None:
        """Those whose entry has failed. Nobody, if each recipient has one and none has failed."""
        failed = [email for email in emails if _has_failed(email)]
        if not failed:
            return NOBODY_REFUSED if len(emails) >= len(reply.recipients) else None
        return refused_recipients.named(reply, map(_naming, failed), self._secrets())

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """List a domain, then send the poll to nobody: to be told what is wrong with that.

        A key may be for sending only, and cannot see the domains.
        """
        query = f"project_id={self.project_id}&page_size=1"
        look = HttpCall("GET", self._url(f"domains?{query}"), self._headers())
        to_nobody = self._payload(poll(address))
        del to_nobody["to"]
        return (
            ProbeCall(look, self._decode_domains, sends=False),
            ProbeCall(self._post(to_nobody), self._decode_validated, sends=True),
        )

    def _decode_domains(self, reply: HttpReply) -> Outcome:
        """``{"total_count": 1, "domains": […]}``."""
        domains = answers.member(answers.json_of(reply), "domains")
        known = reply.status == 200 and isinstance(domains, list)
        return Sent() if known else self._refusal(reply)

    def _decode_validated(self, reply: HttpReply) -> Outcome:
        """Whatever it finds invalid, it has read the message, and knows the key."""
        invalid = _words(reply).startswith("invalid_arguments")
        if reply.status == 400 and invalid:
            return Rejected(Reason.BAD_RECIPIENT)
        return self.decode(reply)

    def _payload(self, submission: Submission) -> dict[str, object]:
        mail = submission.mail
        headers = [{"key": name, "value": value} for name, value in _headers(submission)]
        return filled(
            {
                "project_id": str(self.project_id),
                "from": email_and_name(mail.sender),
                "to": list(map(email_and_name, mail.to)),
                "cc": list(map(email_and_name, mail.cc)),
                "bcc": list(map(email_and_name, mail.bcc)),
                "subject": mail.subject,
                "text": json_text(mail.text or ""),
                "html": json_text(mail.html or ""),
                "attachments": list(map(_attachment, mail.attachments)),
                "additional_headers": headers,
            }
        )

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return (self.secret_key.get_secret_value(),)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (*self._headers(), ("Content-Type", "application/json"))
        return HttpCall("POST", self._url("emails"), headers, json_body(payload))

    def _url(self, path: str) -> str:
        api = "https://api.scaleway.com/transactional-email/v1alpha1"
        return f"{api}/regions/{self.region}/{path}"

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("X-Auth-Token", self.secret_key.get_secret_value()),
            ("Accept", "application/json"),
        )


def _headers(submission: Submission) -> Iterator[tuple[str, str]]:
    """Scaleway encodes the values, but for what is in a Reply-To."""
    mail = submission.mail
    if mail.reply_to:
        yield "Reply-To", ", ".join(map(ascii_name_addr, mail.reply_to))
    for name, value in mail.headers.items():
        if name.lower() != OUR_ID.lower():  # it must not hide which message this is
            yield name, value
    yield OUR_ID, str(submission.id)


def _attachment(attachment: Attachment) -> dict[str, object]:
    return {
        "name": attachment.filename or "attachment",
        "type": attachment.content_type or "application/octet-stream",
        "content": base64_part(attachment),
    }


def _has_failed(email: object) -> bool:
    return answers.member(email, "status") in ("failed", "canceled")


def _naming(email: object) -> refused_recipients.Naming:
    """``rcpt_to`` is what ``mail_rcpt`` was called before."""
    names = (answers.text(answers.member(email, name)) for name in ("mail_rcpt", "rcpt_to"))
    words = answers.text(answers.member(email, "status_details"))
    return next(filter(None, names), ""), Reason.MESSAGE_REFUSED, words


def _words(reply: HttpReply) -> str:
    body = answers.json_of(reply)
    details = answers.member(body, "details")
    said = [
        answers.coded(body, "type", "message"),
        *(map(_detail_words, details) if isinstance(details, list) else ()),
    ]
    return "; ".join(filter(None, said)) or answers.body_text(reply)


def _detail_words(detail: object) -> str:
    """``help_message`` is there for some; ``reason`` is "required", "format" or "constraint"."""
    helped = answers.coded(detail, "argument_name", "help_message")
    return (
        f"{helped} ({reason})"
        if (reason := answers.text(answers.member(detail, "reason")))
        else helped
    )
