"""PURE. SparkPost, API version 1.

Sending   https://developers.sparkpost.com/api/transmissions/
Cc, Bcc   https://support.sparkpost.com/docs/faq/cc-bcc-with-rest-api
Errors    https://support.sparkpost.com/docs/tech-resources/extended-error-codes
Repeated  https://developers.sparkpost.com/api/transmissions/#header-idempotent-requests
          https://github.com/SparkPost/developers.sparkpost.com/pull/590
Templates https://developers.sparkpost.com/api/template-language/
Sink      https://support.sparkpost.com/docs/faq/using-sink-server
Account   https://developers.sparkpost.com/api/account/

Owns how a message is said to SparkPost and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Literal
from uuid import UUID

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mail, Mailbox, Submission
from smsp.mail.outcome import (
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.body import json_text
from smsp.providers.encoding.headers import name_addr
from smsp.providers.encoding.json_fields import base64_part, body_parts, filled, json_body, within
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_BAD_RECIPIENT = Rejected(Reason.BAD_RECIPIENT)
_BAD_CONTENT = Rejected(Reason.BAD_CONTENT)

# The bodies are {"errors": [{"code": "7001", "message": "…", "description": "…"}, …]}, matched
# here as "code: message: description; …". What is missing here is judged by its status alone.
_ANSWERS = (
    # "Server resources unavailable": "retry later"
    ResponseRule(400, r"(^|; )1502\b", NotSent(Reason.THROTTLED, Blame.THROTTLE)),
    # "Message generation rejected: recipient address suppressed due to customer policy"
    ResponseRule(400, r"(^|; )1902\b.*\bsuppressed\b", Rejected(Reason.SUPPRESSED)),
    ResponseRule(400, r"(^|; )1902\b", Rejected(Reason.MESSAGE_REFUSED)),
    # "Message failed to generate"
    ResponseRule(400, r"(^|; )1901\b", _BAD_CONTENT),
    # "At least one valid recipient is required"
    ResponseRule(400, r"(^|; )5002\b", _BAD_RECIPIENT),
    # "Sending domain blacklisted", "Invalid domain: Unconfigured Sending Domain <example.com>", "No
    # local part specified in sender address"
    ResponseRule(400, r"(^|; )(700[01]|2008)\b", NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)),
    # "permission denied", "No license"
    ResponseRule(403, r"(^|; )(1100|1601)\b", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    # The first request with our key has not been answered yet.
    ResponseRule(409, r"(^|; )1601\b", Unknown(Reason.STILL_RUNNING, Blame.NOBODY)),
    # 1600: our key with another message. Something was sent with it; so it may have been with any
    # 409 that we cannot read.
    ResponseRule(409, r"", Unknown(Reason.BAD_ANSWER, Blame.NOBODY)),
    # "Exceed Sending Limit" (hourly, daily, sandbox): a status that only SparkPost has
    ResponseRule(420, r"", NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)),
    # Custom headers that are restricted, together too large, or too many: SparkPost's own bounds,
    # so that another provider may carry them.
    ResponseRule(422, r"(^|; )10000\b", NotSent(Reason.HEADER_NOT_TAKEN, Blame.NOBODY)),
    ResponseRule(413, r"(^|; )10001\b", NotSent(Reason.HEADERS_TOO_LARGE, Blame.NOBODY)),
    ResponseRule(422, r"(^|; )10002\b", NotSent(Reason.TOO_MANY_HEADERS, Blame.NOBODY)),
    # Template language, headers and MIME
    ResponseRule(422, r"(^|; )30[0-9]{2}\b", _BAD_CONTENT),
    # "Message generation module not available": "retry, likely transient error"
    ResponseRule(503, r"^1900: ", NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)),
)

_SINK = "sink.sparkpostmail.com"
_METADATA_BYTES_MAX = 10_000


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class SparkPost:
    """One account at SparkPost. ``region`` is where it lives: the other one does not know the key.

    A Message-ID of ours is not documented to be kept: our id travels as metadata.
    """

    api_key: ApiKey
    region: Literal["us", "eu"] = "us"

    facts: ClassVar[Facts] = Facts(
        title="SparkPost",
        regions=("us", "eu"),
        probe="state of the account, then a message to SparkPost's sink",
        probe_cost="counted",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        bytes_max=20_000_000,
        # "Headers are still passed to the substitution engine" without ``perform_substitutions``,
        # and the macros that would write brackets are then off.
        template_mark="{{",
        tags_max=1,
        metadata_bytes_max=_METADATA_BYTES_MAX,
        repeats_to=True,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-MSYS-*",)

    def encode(self, submission: Submission) -> HttpCall:
        """One transmission with all the recipients, so that everybody gets the same message."""
        headers = (*self._headers(), ("Content-Type", "application/json"))
        return HttpCall(
            "POST", self._url("transmissions"), headers, json_body(_payload(submission))
        )

    def keyed(self, call: HttpCall, key: UUID) -> HttpCall:
        """The call with a key that SparkPost knows for 24 hours: a repetition gets the same answer.

        That has ``X-Idempotent-Replayed: true``, and the message is not sent again.
        """
        return replace(call, headers=(*call.headers, ("Idempotency-Key", str(key))))

    def decode(self, reply: HttpReply) -> Outcome:
        """200 that counts an accepted recipient is sent; one that counts none is refused.

        ``{"results": {"id": "…", "total_accepted_recipients": 1, "total_rejected_recipients": 0}}``
        """
        results = answers.member(answers.json_of(reply), "results")
        accepted = answers.number(answers.member(results, "total_accepted_recipients"))
        if reply.status != 200 or not reply.complete or accepted is None:
            return self._refusal(reply)
        if accepted > 0:
            return Sent(
                answers.identifier(answers.member(results, "id")),
                _refused(reply, accepted, answers.member(results, "total_rejected_recipients")),
            )
        return Rejected(Reason.BAD_RECIPIENT, answers.presentable(_words(reply), self._secrets()))

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look at our account, then send the poll to SparkPost's sink.

        That goes the whole way, and **counts** against the plan like any message.
        """
        look = HttpCall("GET", self._url("account"), self._headers())
        sink = Mailbox(
            address.local, f"{address.domain}.{_SINK}", f"{address.ascii_domain}.{_SINK}"
        )
        send = poll(address)
        to_the_sink = replace(send, mail=replace(send.mail, to=(sink,)))
        return (
            ProbeCall(look, self._decode_account, sends=False),
            ProbeCall(self.encode(to_the_sink), self.decode, sends=True),
        )

    def _decode_account(self, reply: HttpReply) -> Outcome:
        """``{"results": {"status": "active", …}}``; also "suspended" and "terminated"."""
        results = answers.member(answers.json_of(reply), "results")
        if reply.status != 200 or not isinstance(results, dict):
            return self._refusal(reply)
        stopped = answers.member(results, "status") in ("suspended", "terminated")
        return NotSent(Reason.SUSPENDED, Blame.ACCOUNT) if stopped else Sent()

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=self._secrets())

    def _url(self, path: str) -> str:
        host = "api.sparkpost.com" if self.region == "us" else "api.eu.sparkpost.com"
        return f"https://{host}/api/v1/{path}"

    def _headers(self) -> tuple[tuple[str, str], ...]:
        key = self.api_key.get_secret_value()
        return (("Authorization", key), ("Accept", "application/json"))

    def _secrets(self) -> tuple[str, ...]:
        return (self.api_key.get_secret_value(),)


def _refused(reply: HttpReply, accepted: int, rejected: object) -> RefusedRecipients | None:
    """They are counted, and never named: ``rcpt_to_errors`` has no addresses either.

    What is rejected here is what is no recipient to SparkPost (SparkPost/python-sparkpost issue
    20). Of several recipients, one who is suppressed is accepted, and dropped later
    (https://support.sparkpost.com/docs/faq/suppression-list).
    """
    number = answers.number(rejected)
    if number == 0 and accepted < len(reply.recipients):
        return None  # Some are neither.
    return refused_recipients.counted(reply, number, Reason.BAD_RECIPIENT)


def _payload(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    payload: dict[str, object] = {
        # Otherwise anything in double curly brackets would be taken for its template language; in
        # the bodies, that is: headers go through it whatever is asked for.
        # A message that is not called transactional loses a List-Unsubscribe of its own
        # (SparkPost/python-sparkpost issue 163).
        "options": {"perform_substitutions": False, "transactional": True},
        "recipients": _recipients(mail),
        "content": _content(mail),
        # One of at most 64 bytes, and a mail is worth more than its labels: others are left out.
        "campaign_id": next((tag for tag in mail.tags if len(tag.encode()) <= 64), ""),
        "metadata": within(_METADATA_BYTES_MAX, mail.metadata, {"smsp-id": str(submission.id)}),
    }
    return filled(payload)


def _recipients(mail: Mail) -> list[dict[str, object]]:
    """Everybody sees the same To; who is in Cc sees that by a header, who is in Bcc by nothing."""
    to = json_text(_mailboxes(mail.to))  # once in memory, however many carry it
    addresses = (mailbox.address for mailbox in mail.recipients)
    return [{"address": {"email": address, "header_to": to}} for address in addresses]


def _content(mail: Mail) -> dict[str, object]:
    """Mailboxes are written as in a header, in Unicode.

    "Each header value is expected in the UTF-8 charset without RFC2047 encoding."
    """
    attached = [attachment for attachment in mail.attachments if not attachment.inline]
    inline = [attachment for attachment in mail.attachments if attachment.inline]
    content: dict[str, object] = {
        "from": name_addr(mail.sender),
        "reply_to": _mailboxes(mail.reply_to),
        "subject": mail.subject or " ",  # required
        **body_parts(mail, "text", "html"),
        "headers": {**mail.headers} | ({"CC": _mailboxes(mail.cc)} if mail.cc else {}),
        "attachments": [_file(each, each.filename or "attachment") for each in attached],
        # The HTML refers to an inline image by its name.
        "inline_images": [_file(each, each.content_id or "") for each in inline],
    }
    return filled(content)


def _mailboxes(mailboxes: Iterable[Mailbox]) -> str:
    return ", ".join(map(name_addr, mailboxes))


def _file(attachment: Attachment, name: str) -> dict[str, object]:
    media_type = attachment.content_type or "application/octet-stream"
    return {"name": name, "type": media_type, "data": base64_part(attachment)}


def _words(reply: HttpReply) -> str:
    errors = answers.member(answers.json_of(reply), "errors")
    said = map(_error_words, errors) if isinstance(errors, list) else ()
    return "; ".join(filter(None, said)) or answers.body_text(reply)


def _error_words(error: object) -> str:
    description = answers.text(answers.member(error, "description"))
    return ": ".join(filter(None, (answers.coded(error, "code", "message"), description)))
