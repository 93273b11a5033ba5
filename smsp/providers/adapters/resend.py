"""PURE. Resend.

Sending       https://resend.com/docs/api-reference/emails/send-email
Errors        https://resend.com/docs/api-reference/errors
Rate limits   https://resend.com/docs/api-reference/rate-limit
Idempotency   https://resend.com/docs/dashboard/emails/idempotency-keys
Tags          https://resend.com/docs/dashboard/emails/tags
Test mail     https://resend.com/docs/dashboard/emails/send-test-emails

Owns how a message is said to Resend and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import ClassVar
from uuid import UUID

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent, Unknown
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.headers import encoded, encoded_words, name_addr
from smsp.providers.encoding.json_fields import base64_part, body_parts, filled, json_body
from smsp.providers.file_types import Fit, fit
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_UNAUTHORISED = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
_NO_CREDITS = NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)
_BAD_RECIPIENT = Rejected(Reason.BAD_RECIPIENT)
_BAD_CONTENT = Rejected(Reason.BAD_CONTENT)

# The bodies are {"statusCode": 422, "name": "…", "message": "…"}, matched here as "name: message".
# What is missing here is judged by its status alone.
_ANSWERS = (
    # The errors page has 403 "invalid_api_key"; a 400 was seen (django-anymail, tests of Resend).
    ResponseRule(400, r"\bAPI key is invalid", _UNAUTHORISED),
    # "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name
    # <email@example.com>` format."
    ResponseRule(400, r"\bInvalid `(to|cc|bcc)` field", _BAD_RECIPIENT),
    ResponseRule(422, r"\bInvalid `(to|cc|bcc)` field", _BAD_RECIPIENT),
    ResponseRule(400, r"\bInvalid `from` field", _SENDER_NOT_ALLOWED),
    ResponseRule(422, r"\bInvalid `from` field", _SENDER_NOT_ALLOWED),
    ResponseRule(422, r"^invalid_from_address\b", _SENDER_NOT_ALLOWED),
    ResponseRule(
        422, r"^(invalid_attachment|invalid_parameter|missing_required_field)\b", _BAD_CONTENT
    ),
    ResponseRule(403, r"^invalid_api_key\b", _UNAUTHORISED),
    ResponseRule(403, r"^suspended_api_key\b", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
    ResponseRule(403, r"^invalid_from_address\b", _SENDER_NOT_ALLOWED),
    # "The example.com domain is not verified. …", "You can only send testing emails to your own
    # email address (…). To send emails to other recipients, please verify a domain …"
    ResponseRule(403, r"^validation_error\b", _SENDER_NOT_ALLOWED),
    # "Same idempotency key used while original request is still in progress."
    ResponseRule(
        409, r"^concurrent_idempotent_requests\b", Unknown(Reason.STILL_RUNNING, Blame.NOBODY)
    ),
    # "Same idempotency key used with a different request payload." Something was sent with our
    # key; so it may have been with any 409 that we cannot read.
    ResponseRule(409, r"", Unknown(Reason.BAD_ANSWER, Blame.NOBODY)),
    ResponseRule(429, r"^(daily|monthly)_quota_exceeded\b", _NO_CREDITS),
    # "We may have found a security issue with the request."
    ResponseRule(451, r"^security_error\b", _BAD_CONTENT),
)

_BASE = "https://api.resend.com"
_SINK = Mailbox("delivered", "resend.dev", "resend.dev")
_TAGS_MAX = 75


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Resend:
    """One team's account at Resend.

    Resend sends by Amazon SES, which replaces a Message-ID of ours and takes no local part that
    is not ASCII (resend/resend-node issue 133): our id travels as a tag.

    A file whose type contradicts the extension of its name is lost with the whole message:
    Resend answers 200, and the message stays "queued" for ever (anymail/django-anymail issue
    440). Seen there: ``text/csv`` for a ``data.txt``; while ``text/csv`` for a ``data.csv`` and
    ``text/x-custom`` for a ``data.custom`` went out. What Resend compares with is not documented.
    So it is caution that a type which nobody knows is taken to contradict an extension which is
    known; and that a type which is only another word for the extension's is not told to Resend.
    """

    api_key: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="Resend",
        regions=("global",),
        probe="list of our domains, then a message to delivered@resend.dev",
        probe_cost="counted",
        # "Please use our testing email address instead of domains like `example.com`."
        refuses_reserved=True,
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        to_max=50, bytes_max=40_000_000, fitting_file_types=True, tags_max=_TAGS_MAX - 1
    )
    control_headers: ClassVar[tuple[str, ...]] = ()

    def encode(self, submission: Submission) -> HttpCall:
        """One message. It has no idempotency key: see ``keyed``."""
        headers = (*self._headers(), ("Content-Type", "application/json"))
        return HttpCall("POST", f"{_BASE}/emails", headers, json_body(_payload(submission)))

    def keyed(self, call: HttpCall, key: UUID) -> HttpCall:
        """The call with a key that Resend knows for 24 hours: a repetition gets the same answer."""
        return replace(call, headers=(*call.headers, ("Idempotency-Key", str(key))))

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"id": "…"}`` is sent, the first time or again for the same key.

        It says nothing of single recipients: a suppressed one becomes an event later.
        """
        message_id = answers.identifier(answers.member(answers.json_of(reply), "id"))
        if reply.status == 200 and reply.complete and message_id:
            return Sent(message_id)
        return self._refusal(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look at our domains, then send the poll to Resend's own sink.

        That goes the whole way. Whether it **counts** against the quota is not documented, so it
        is taken to.
        """
        look = HttpCall("GET", f"{_BASE}/domains", self._headers())
        send = poll(address)
        to_the_sink = replace(send, mail=replace(send.mail, to=(_SINK,)))
        return (
            ProbeCall(look, self._decode_domains, sends=False),
            ProbeCall(self.encode(to_the_sink), self.decode, sends=True),
        )

    def _decode_domains(self, reply: HttpReply) -> Outcome:
        """``{"data": […]}``. A key that may only send is told so, which shows that it is valid.

        "restricted_api_key: This API key is restricted to only send emails."
        """
        body = answers.json_of(reply)
        if reply.status == 401 and answers.member(body, "name") == "restricted_api_key":
            return Sent()
        listed = isinstance(answers.member(body, "data"), list)
        return Sent() if reply.status == 200 and listed else self._refusal(reply)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        body = answers.json_of(reply)
        words = answers.coded(body, "name", "message") or answers.body_text(reply)
        return answers.judge(
            reply, _ANSWERS, words=words, secrets=(self.api_key.get_secret_value(),)
        )

    def _headers(self) -> tuple[tuple[str, str], ...]:
        key = self.api_key.get_secret_value()
        return (("Authorization", f"Bearer {key}"), ("Accept", "application/json"))


def _payload(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    payload = {
        "from": _sender(mail.sender),
        "to": [_recipient(mailbox) for mailbox in mail.to],
        "cc": [_recipient(mailbox) for mailbox in mail.cc],
        "bcc": [_recipient(mailbox) for mailbox in mail.bcc],
        "reply_to": [_recipient(mailbox) for mailbox in mail.reply_to],
        "subject": mail.subject or " ",  # a required field
        **body_parts(mail, "text", "html"),
        "headers": {name: encoded(value) for name, value in mail.headers.items()},
        "tags": _tags(submission),
        "attachments": [_attachment(attachment) for attachment in mail.attachments],
    }
    return filled(payload)


# What cannot stand in a name as it is: RFC 5322 §3.2.3 but for the dot, an encoded-word's
# beginning, control characters, and white space that a reader would fold.
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,"\x00-\x1f\x7f]|=\?|^\s|\s$|\s\s')


def _sender(mailbox: Mailbox) -> str:
    """``Name <address>``, in Unicode and without quotes where that is safe.

    Resend refuses encoded-words here (451) and has refused quotes (422: another provider may
    try): django-anymail, ``backends/resend.py``.
    """
    if not mailbox.name or _SPECIAL.search(mailbox.name):
        return name_addr(mailbox)
    return f"{mailbox.name} <{mailbox.address}>"


def _recipient(mailbox: Mailbox) -> str:
    """``Name <address>``, with encoded-words for a name that is no plain ASCII phrase.

    Resend has refused names in quotes: django-anymail, ``backends/resend.py``.
    """
    name = mailbox.name
    if not name:
        return mailbox.address
    plain = name.isascii() and not _SPECIAL.search(name)
    return f"{name if plain else ' '.join(encoded_words(name))} <{mailbox.address}>"


def _tags(submission: Submission) -> list[dict[str, str]]:
    """Resend's tags are pairs: metadata is one, and a tag is one whose value is ``true``.

    At most 75 with our id; names and values of at most 256 ASCII letters, digits, ``_`` and
    ``-``. The others are left out rather than the mail refused.
    """
    pairs = {**dict.fromkeys(submission.mail.tags, "true"), **submission.mail.metadata}
    pairs.pop("smsp-id", None)
    fit = ((name, value) for name, value in pairs.items() if _fits(name) and _fits(value))
    kept = dict(islice(fit, _TAGS_MAX - 1)) | {"smsp-id": str(submission.id)}
    return [{"name": name, "value": value} for name, value in kept.items()]


def _fits(word: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,256}", word) is not None


def _attachment(attachment: Attachment) -> dict[str, object]:
    """Without a type Resend takes the one that it knows for the extension of the name."""
    told = fit(attachment.content_type, attachment.filename) is not Fit.SYNONYM
    fields: dict[str, object] = {
        "filename": attachment.filename or "attachment",
        "content": base64_part(attachment),
        "content_type": attachment.content_type if told else "",
        "content_id": attachment.content_id or "",
    }
    return {name: value for name, value in fields.items() if value or name == "content"}
