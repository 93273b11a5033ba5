"""PURE. Mailjet, Send API version 3.1.

Sending  https://dev.mailjet.com/email/guides/send-api-v31/
Errors   https://dev.mailjet.com/email/guides/send-api-v31/#send-api-errors
Sandbox  https://dev.mailjet.com/email/guides/send-api-v31/#sandbox-mode

Owns how a message is said to Mailjet and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from typing import ClassVar

import orjson
from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, RefusedRecipients, Rejected, Sent
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.headers import encoded
from smsp.providers.encoding.json_fields import base64_part, body_parts, filled, json_body
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)

# {"ErrorCode": "…", "ErrorMessage": "…", "StatusCode": 400} for the call as a whole, or that and
# "ErrorRelatedTo" in Messages[0].Errors; matched here as "code related: message; …". A 429 is
# plain HTML, "Rate limit exceeded". What is missing here is judged by its status alone.
_ANSWERS = (
    # The sender: without permission for it, not validated, not authorised
    *(ResponseRule(status, r"(^|; )send-000[678]\b", _SENDER_NOT_ALLOWED) for status in (400, 403)),
    # "when the email address format is invalid"
    ResponseRule(400, r"(^|; )mj-0013 From\b", _SENDER_NOT_ALLOWED),
    ResponseRule(400, r"(^|; )mj-0013\b(?! ReplyTo)", Rejected(Reason.BAD_RECIPIENT)),
    # "when the total number of recipients is over the limit"
    ResponseRule(400, r"(^|; )send-0015\b", Rejected(Reason.BAD_RECIPIENT)),
    # "when an array property contains more than the maximum allowed number of elements"
    ResponseRule(400, r"(^|; )mj-000[78] (To|Cc|Bcc)\b", Rejected(Reason.BAD_RECIPIENT)),
    # "when the payload size is over the limit"
    ResponseRule(400, r"(^|; )mj-0011\b", Rejected(Reason.TOO_LARGE)),
    # "when one of the forbidden headers … is set": another provider may carry it. More of them are
    # forbidden than are listed.
    ResponseRule(400, r"(^|; )send-0011\b", NotSent(Reason.HEADER_NOT_TAKEN, Blame.NOBODY)),
    # No content at all, too long, too many, empty
    ResponseRule(
        400,
        r"(^|; )(send-0003|mj-0006|mj-0008|mj-0012|mj-0013)\b",
        Rejected(Reason.BAD_CONTENT),
    ),
    # "when API key is suspended"; a wrong one is mj-0015
    ResponseRule(401, r"(^|; )mj-0001\b", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
)


# Of its "List of forbidden headers", those that a caller may set.
_FORBIDDEN = frozenset(
    {
        "delivered-to",
        "domainkey-status",
        "list-id",
        "received-spf",
        "user-agent",
        "x-csa-complaints",
        "x-feedback-id",
        "x-mailer",
    }
)


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Mailjet:
    """One API key of an account at Mailjet, and its secret.

    A Message-ID of ours is refused (send-0011; symfony/symfony issue 44000): our id travels as
    ``CustomID``, by which messages can be found, and in the payload of events.
    """

    api_key: ApiKey
    secret_key: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="Mailjet",
        regions=("global",),
        probe="a message in sandbox mode",
        probe_cost="none",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=50,
        reply_to_max=1,
        bytes_max=15_000_000,
        subject_max=255,
        headers_max=50,
        headers_refused=_FORBIDDEN,
        attachments_max=50,
        empty_files=False,
        tags_max=1,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-MJ-*", "X-Mailjet-*")

    def encode(self, submission: Submission) -> HttpCall:
        """One message a call: with several, a 4xx would not say that none was taken."""
        return self._post({"Messages": [_message(submission)]})

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"Messages": [{"Status": "success", "To": [{"MessageID": 1, …}, …]}]}``.

        A message that has errors instead is judged by their status, whatever that of the call.
        """
        message = _first(answers.member(answers.json_of(reply), "Messages"))
        if reply.status != 200 or not reply.complete:
            return self._refusal(reply)
        if answers.member(message, "Status") == "success":
            number = answers.member(_first(answers.member(message, "To")), "MessageID")
            return Sent(str(number) if isinstance(number, int) else None, _refused(reply, message))
        status = answers.member(_first(answers.member(message, "Errors")), "StatusCode")
        if isinstance(status, int) and 400 <= status < 500:
            return self._refusal(replace(reply, status=status))
        return self._refusal(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Send the poll in sandbox mode: it is validated, sender included, and then dropped."""
        call = self._post({"Messages": [_message(poll(address))], "SandboxMode": True})
        return (ProbeCall(call, self.decode, sends=True),)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        secrets = (self.api_key.get_secret_value(), self.secret_key.get_secret_value())
        return answers.judge(
            reply, _ANSWERS, words=_words(reply), secrets=(*secrets, self._basic())
        )

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (
            ("Authorization", f"Basic {self._basic()}"),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        return HttpCall("POST", "https://api.mailjet.com/v3.1/send", headers, json_body(payload))

    def _basic(self) -> str:
        credentials = f"{self.api_key.get_secret_value()}:{self.secret_key.get_secret_value()}"
        return b64encode(credentials.encode()).decode()


def _refused(reply: HttpReply, message: object) -> RefusedRecipients | None:
    """Everybody whom the message was taken for is listed under To, Cc or Bcc, with an id.

    Who is not was left out: so django-anymail reads it (``backends/mailjet.py``), though Mailjet
    does not say so. Without all three lists, somebody may only not be told of.
    """
    lists = [answers.member(message, place) for place in ("To", "Cc", "Bcc")]
    taken = [answers.text(answers.member(e, "Email")) for one in lists for e in answers.items(one)]
    if len(taken) < len(reply.recipients) and not all(isinstance(one, list) for one in lists):
        return None
    return refused_recipients.all_but(reply, taken, Reason.MESSAGE_REFUSED)


def _message(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    attached = [attachment for attachment in mail.attachments if not attachment.inline]
    inline = [attachment for attachment in mail.attachments if attachment.inline]
    message = {
        "From": _mailbox(mail.sender),
        "To": [_mailbox(mailbox) for mailbox in mail.to],
        "Cc": [_mailbox(mailbox) for mailbox in mail.cc],
        "Bcc": [_mailbox(mailbox) for mailbox in mail.bcc],
        "ReplyTo": next((_mailbox(mailbox) for mailbox in mail.reply_to), {}),
        "Subject": mail.subject,
        **body_parts(mail, "TextPart", "HTMLPart"),
        "Headers": {name: encoded(value) for name, value in mail.headers.items()},
        # One, and a mail is worth more than its labels: the others are left out.
        "CustomCampaign": next(iter(mail.tags), ""),
        "CustomID": str(submission.id),
        # Ours last: a caller's entry of that name must not hide which message this is.
        "EventPayload": orjson.dumps({**mail.metadata, "smsp-id": str(submission.id)}).decode(),
        "Attachments": [_attachment(attachment) for attachment in attached],
        "InlinedAttachments": [_attachment(attachment) for attachment in inline],
    }
    return filled(message)


def _mailbox(mailbox: Mailbox) -> dict[str, str]:
    name = {"Name": mailbox.name} if mailbox.name else {}
    return {"Email": mailbox.address} | name


def _attachment(attachment: Attachment) -> dict[str, object]:
    """Name and type may not be empty."""
    fields: dict[str, object] = {
        "ContentType": _media_type(attachment.content_type) or "application/octet-stream",
        "Filename": attachment.filename or "attachment",
        "Base64Content": base64_part(attachment),
    }
    content_id = attachment.content_id
    return fields if content_id is None else fields | {"ContentID": content_id}


def _media_type(content_type: str) -> str:
    """The type, without the charset of a text, to which Mailjet adds one of its own: UTF-8.

    (django-anymail, ``backends/mailjet.py``.) A text in any other goes as a file of no known kind,
    byte for byte, rather than under a wrong name.
    """
    if not content_type.lower().startswith("text/"):
        return content_type
    charset = _CHARSET.search(content_type)
    known = charset is None or charset[1].lower() in _UTF8
    return _CHARSET.sub("", content_type) if known else ""


_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_CHARSET = re.compile(r' *; *charset="?([^";]*)"?', re.IGNORECASE)


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _words(reply: HttpReply) -> str:
    body = answers.json_of(reply)
    errors = answers.member(_first(answers.member(body, "Messages")), "Errors")
    said = map(_error_words, errors if isinstance(errors, list) else [body])
    return "; ".join(filter(None, said)) or answers.body_text(reply)


def _error_words(error: object) -> str:
    names = ("ErrorCode", "ErrorMessage")
    code, message = (answers.text(answers.member(error, name)) for name in names)
    related = answers.member(error, "ErrorRelatedTo")
    fields = map(answers.text, related) if isinstance(related, list) else ()
    return ": ".join(filter(None, (" ".join((code, *fields)).strip(), message)))
