"""PURE. Brevo, API version 3.

Sending      https://developers.brevo.com/reference/sendtransacemail
Errors       https://developers.brevo.com/docs/how-it-works
Sandbox      https://developers.brevo.com/docs/using-sandbox-mode
Idempotency  https://developers.brevo.com/docs/heterogenous-versions-batch-emails
Rate limits  https://developers.brevo.com/docs/limit-headers

Owns how a message is said to Brevo and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

import orjson
from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.body import json_text
from smsp.providers.encoding.headers import encoded
from smsp.providers.encoding.json_fields import base64_part, filled, json_body, with_member
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_SUSPENDED = NotSent(Reason.SUSPENDED, Blame.ACCOUNT)
_INVALID = r"^(invalid|missing)_parameter: "

# The bodies are {"code": "…", "message": "…"}, matched here as "code: message". Which status goes
# with which code is not documented for all of them. What is missing here is judged by its status.
_ANSWERS = (
    # "email is not valid in to"
    ResponseRule(400, rf"{_INVALID}.*\bin (to|cc|bcc)\b", Rejected(Reason.BAD_RECIPIENT)),
    # "valid sender email required"
    ResponseRule(400, rf"{_INVALID}.*\bsender\b", _SENDER_NOT_ALLOWED),
    ResponseRule(
        400,
        rf"{_INVALID}.*\b(attachment|subject|htmlContent|textContent|headers|replyTo)\b",
        Rejected(Reason.BAD_CONTENT),
    ),
    # "Sending has been rejected because the sender you used … is not valid."
    ResponseRule(400, r"\bthe sender you used\b", _SENDER_NOT_ALLOWED),
    ResponseRule(400, r"^not_enough_credits\b", NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)),
    *(
        ResponseRule(status, r"^account_under_validation\b", _SUSPENDED)
        for status in (400, 402, 403)
    ),
    # "permission_denied: Unable to send email. Your SMTP account is not yet activated. …"
    ResponseRule(403, r"\baccount is not yet activated\b", _SUSPENDED),
    ResponseRule(403, r"^permission_denied\b", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    # "duplicate_request" is listed and not explained. It may be about a message that was taken,
    # like a "duplicate_parameter" of which we have a part only.
    ResponseRule(400, r"duplicate_(parameter|request)", Unknown(Reason.BAD_ANSWER, Blame.NOBODY)),
)

# One a line would be a page.
# fmt: off
_EXTENSIONS = frozenset({
    "xlsx", "xls", "ods", "docx", "docm", "doc", "csv", "pdf", "txt", "gif", "jpg", "jpeg", "png",
    "tif", "tiff", "rtf", "bmp", "cgm", "css", "shtml", "html", "htm", "zip", "xml", "ppt", "pptx",
    "tar", "ez", "ics", "mobi", "msg", "pub", "eps", "odt", "mp3", "m4a", "m4v", "wma", "ogg",
    "flac", "wav", "aif", "aifc", "aiff", "mp4", "mov", "avi", "mkv", "mpeg", "mpg", "wmv",
    "pkpass", "xlsm",
})
# fmt: on
_NAME_CHARACTERS_MAX = 70


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Brevo:
    """One account at Brevo, once Sendinblue.

    Brevo writes a Message-ID of its own (PHPMailer/PHPMailer issue 2859): our id travels in the
    header that Brevo has for that. What a non-ASCII header becomes, encoded or not, cannot be
    delivered everywhere (django-anymail, ``backends/brevo.py``), and file names beyond ASCII reach
    some readers garbled (``docs/esps/brevo.rst`` there).
    """

    api_key: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="Brevo",
        regions=("global",),
        probe="a message in sandbox mode",
        probe_cost="none",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=99,
        reply_to_max=1,
        bytes_max=20_000_000,
        file_extensions=_EXTENSIONS,
        inline=False,
        needs_html=True,
        ascii_headers=True,
        ascii_filenames=True,
    )
    control_headers: ClassVar[tuple[str, ...]] = (
        "X-Mailin-*",
        "X-Sib-*",
        "idempotencyKey",
        "Idempotency-Key",
        "sender.ip",
    )

    def encode(self, submission: Submission) -> HttpCall:
        """One message. It has no idempotency key: see ``keyed``."""
        return self._post(_payload(submission))

    def keyed(self, call: HttpCall, key: UUID) -> HttpCall:
        """The call with a key that Brevo knows for 30 minutes; it stands among the mail's headers.

        A repetition is not sent, and answered ``duplicate_parameter``.
        """
        return replace(call, body=with_member(call.body, "headers", "idempotencyKey", str(key)))

    def decode(self, reply: HttpReply) -> Outcome:
        """201 with ``{"messageId": "<…>"}`` is sent; so is a duplicate, whose id is not told.

        Nothing but our key can be duplicate in a message: "the API returns a duplicate_parameter
        error and does not process the request". Neither says anything of single recipients: one
        who is blocked becomes an event later.
        """
        body = answers.json_of(reply)
        duplicate = answers.member(body, "code") == "duplicate_parameter"
        if reply.status == 400 and reply.complete and duplicate:
            return Sent()
        return self._decode_new(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Send the poll in sandbox mode: it is validated, costs nothing and is then dropped.

        There is no look at the account before: Brevo allows 100 of those an hour, for everybody.
        """
        send = poll(address)
        call = self.encode(replace(send, mail=replace(send.mail, html="poll")))
        call = replace(call, body=with_member(call.body, "headers", "X-Sib-Sandbox", "drop"))
        return (ProbeCall(call, self._decode_new, sends=True),)

    def _decode_new(self, reply: HttpReply) -> Outcome:
        message_id = answers.identifier(answers.member(answers.json_of(reply), "messageId"))
        if reply.status == 201 and reply.complete and message_id:
            return Sent(message_id)
        return self._refusal(reply)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        body = answers.json_of(reply)
        words = answers.coded(body, "code", "message") or answers.body_text(reply)
        secrets = (self.api_key.get_secret_value(),)
        reset = reply.headers.get("x-sib-ratelimit-reset", "").strip()
        pause_s = answers.seconds_of(reset) if reply.status == 429 else None
        return answers.judge(reply, _ANSWERS, words=words, secrets=secrets, pause_s=pause_s)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (
            ("api-key", self.api_key.get_secret_value()),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        url = "https://api.brevo.com/v3/smtp/email"
        return HttpCall("POST", url, headers, json_body(payload))


def _payload(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    payload = {
        "sender": _mailbox(mail.sender),
        "to": [_mailbox(mailbox) for mailbox in mail.to],
        "cc": [_mailbox(mailbox) for mailbox in mail.cc],
        "bcc": [_mailbox(mailbox) for mailbox in mail.bcc],
        "replyTo": next((_mailbox(mailbox) for mailbox in mail.reply_to), {}),
        "subject": mail.subject or " ",  # required
        "textContent": json_text(mail.text or ""),
        "htmlContent": json_text(mail.html or ""),
        "headers": {**mail.headers, "X-Mailin-custom": _custom(submission)},
        "tags": list(mail.tags),
        "attachment": [_attachment(attachment) for attachment in mail.attachments],
    }
    return filled(payload)


def _mailbox(mailbox: Mailbox) -> dict[str, str]:
    """A name that is not ASCII and has specials is dropped silently, unless it is encoded.

    (django-anymail, ``backends/brevo.py``.) One of more than 70 characters would be refused, and
    is left out: the address is what counts.
    """
    name = mailbox.name
    if re.search(r'[()<>\[\]:;@\\,."]', name):
        name = encoded(name)
    fits = 0 < len(name) <= _NAME_CHARACTERS_MAX
    return {"email": mailbox.address} | ({"name": name} if fits else {})


def _custom(submission: Submission) -> str:
    """Metadata and our id as JSON, in the one header that comes back in webhooks.

    Brevo has been seen to undo escapes in it, so what would need any is left out.
    """
    plain = {
        name: value
        for name, value in submission.mail.metadata.items()
        if _needs_no_escape(name) and _needs_no_escape(value)
    }
    return orjson.dumps({**plain, "smsp-id": str(submission.id)}).decode()


def _needs_no_escape(text: str) -> bool:
    """Whether it stands between the quotes of ASCII JSON as it is (RFC 8259 §7)."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _attachment(attachment: Attachment) -> dict[str, object]:
    """The type follows from the extension of the name."""
    return {"name": attachment.filename, "content": base64_part(attachment)}
