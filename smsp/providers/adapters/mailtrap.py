"""PURE. Mailtrap, Email API for transactional mail.

Sending    https://docs.mailtrap.io/developers/email-sending/transactional
           https://github.com/mailtrap/mailtrap-openapi/blob/main/specs/email-sending-transactional.openapi.yml
Limits     https://docs.mailtrap.io/email-api-smtp/help/limits

Owns how a message is said to Mailtrap and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mail, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.headers import ascii_name_addr, encoded
from smsp.providers.encoding.json_fields import (
    base64_part,
    body_parts,
    email_and_name,
    filled,
    json_body,
    within,
)
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_CONTENT = "subject|text|html|reply_to|category|headers|attachments|custom_variables"

# The bodies are {"success": false, "errors": ["…", …]}, matched here as "text; …".
# What is missing here is judged by its status alone.
_ANSWERS = (
    # "'to', 'cc' or 'bcc' address is required"
    ResponseRule(400, r"'(to|cc|bcc)'", Rejected(Reason.BAD_RECIPIENT)),
    # "'from' address is invalid", "'from' is required"
    ResponseRule(400, r"'from'", _SENDER_NOT_ALLOWED),
    # "'subject' is required", "must specify either text or html body"
    ResponseRule(400, rf"'({_CONTENT})'|text or html body", Rejected(Reason.BAD_CONTENT)),
    # "Forbidden", described as "Verify domain or check permissions." Which of the two it is does
    # not show, and no sender must be able to open the circuit for the others.
    ResponseRule(403, r"^Forbidden$|^Sending from domain \S+ is not allowed", _SENDER_NOT_ALLOWED),
)

_VARIABLES_BYTES_MAX = 1000
_CATEGORY_CHARACTERS_MAX = 255


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Mailtrap:
    """One account at Mailtrap, on its transactional stream.

    Several reply-to addresses travel as a header, since its field takes one. A local part that is
    not ASCII, and a Message-ID of ours, are not documented: neither is claimed. File names beyond
    ASCII reach some readers garbled (django-anymail, ``docs/esps/mailtrap.rst``).
    """

    api_token: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="Mailtrap",
        regions=("global",),
        probe="a message without recipients, which it refuses",
        probe_cost="none",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        to_max=1000,
        cc_max=1000,
        bcc_max=1000,
        bytes_max=10_000_000,
        ascii_filenames=True,
        tags_max=1,
        metadata_bytes_max=_VARIABLES_BYTES_MAX,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-MT-*",)

    def encode(self, submission: Submission) -> HttpCall:
        """The message in Mailtrap's JSON."""
        return self._post(_payload(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"success": true, "message_ids": ["…", …]}`` is sent, and nothing else.

        There is an id for each recipient, in the order to, cc, bcc (django-anymail,
        ``backends/mailtrap.py``); the first stands for the message. With fewer of them, some
        recipients were left out, and which ones is not told.
        """
        body = answers.json_of(reply)
        ids = answers.member(body, "message_ids")
        succeeded = answers.member(body, "success") is True
        if reply.status != 200 or not reply.complete or not succeeded or not isinstance(ids, list):
            return self._refusal(reply)
        message_id = answers.identifier(ids[0]) if ids else None
        if not message_id:
            return self._refusal(reply)
        taken = sum(answers.identifier(each) is not None for each in ids)
        missing = len(reply.recipients) - taken if reply.recipients else None
        return Sent(message_id, refused_recipients.counted(reply, missing, Reason.MESSAGE_REFUSED))

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Send the poll to nobody: to be told that an address is required.

        That proves the API and the token. Its sandbox is another host, and proves nothing.
        """
        to_nobody = _payload(poll(address))
        del to_nobody["to"]
        return (ProbeCall(self._post(to_nobody), self.decode, sends=True),)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        secrets = (self.api_token.get_secret_value(),)
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=secrets)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (
            ("Api-Token", self.api_token.get_secret_value()),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        url = "https://send.api.mailtrap.io/api/send"
        return HttpCall("POST", url, headers, json_body(payload))


def _payload(submission: Submission) -> dict[str, object]:
    """The message. ``subject``, ``text`` and ``html`` have at least one character."""
    mail = submission.mail
    return filled(
        {
            "from": email_and_name(mail.sender),
            "to": list(map(email_and_name, mail.to)),
            "cc": list(map(email_and_name, mail.cc)),
            "bcc": list(map(email_and_name, mail.bcc)),
            "subject": mail.subject or " ",
            **body_parts(mail, "text", "html"),
            "category": next(iter(mail.tags), "")[:_CATEGORY_CHARACTERS_MAX],
            "headers": _headers(mail),
            "custom_variables": within(
                _VARIABLES_BYTES_MAX, mail.metadata, {"smsp-id": str(submission.id)}
            ),
            "attachments": list(map(_attachment, mail.attachments)),
        }
    )


def _headers(mail: Mail) -> dict[str, str]:
    """We "must ensure these are properly encoded if they contain unicode characters"."""
    headers = {name: encoded(value) for name, value in mail.headers.items()}
    if mail.reply_to:
        headers["Reply-To"] = ", ".join(map(ascii_name_addr, mail.reply_to))
    return headers


def _attachment(attachment: Attachment) -> dict[str, object]:
    """A file must have a name."""
    fields: dict[str, object] = {
        "filename": attachment.filename or "attachment",
        "type": attachment.content_type or "application/octet-stream",
        "content": base64_part(attachment),
        "disposition": "attachment",
    }
    if attachment.content_id is not None:
        fields |= {"disposition": "inline", "content_id": attachment.content_id}
    return fields


def _words(reply: HttpReply) -> str:
    """A wrong token has been seen with ``error`` in place of ``errors``."""
    body = answers.json_of(reply)
    errors = answers.member(body, "errors")
    said = (
        "; ".join(map(answers.text, errors)) if isinstance(errors, list) else answers.text(errors)
    )
    return said or answers.text(answers.member(body, "error")) or answers.body_text(reply)
