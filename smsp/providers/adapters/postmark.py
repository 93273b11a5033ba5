"""PURE. Postmark.

Sending   https://postmarkapp.com/developer/api/email-api
Answers   https://postmarkapp.com/developer/api/overview
Metadata  https://postmarkapp.com/support/article/1125-custom-metadata-faq
Server    https://postmarkapp.com/developer/api/server-api
Sizes     https://postmarkapp.com/support/article/1056-what-are-the-attachment-and-email-size-limits

Owns how a message is said to Postmark and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import ClassVar

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
from smsp.providers.encoding.headers import encoded, name_addr
from smsp.providers.encoding.json_fields import base64_part, body_parts, filled, json_body
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_SUSPENDED = NotSent(Reason.SUSPENDED, Blame.ACCOUNT)
_UNAVAILABLE = NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)

# The bodies are {"ErrorCode": 300, "Message": "…"}, matched here as "300: …". What is missing here
# is judged by its status alone, like a 403 with HTML, which comes from a filter before the API.
_ANSWERS = (
    ResponseRule(422, r"^10\b", NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)),
    # "Maintenance"
    ResponseRule(422, r"^100\b", _UNAVAILABLE),
    # "Invalid 'To' address: 'bob'.", "Error parsing 'Cc': Illegal email domain '…' in address '…'."
    ResponseRule(
        422, r"^300: (Invalid|Error parsing) '(To|Cc|Bcc)'", Rejected(Reason.BAD_RECIPIENT)
    ),
    ResponseRule(422, r"^300: .*\brecipients\b", Rejected(Reason.BAD_RECIPIENT)),
    # "Invalid 'From' address: '…'."
    ResponseRule(422, r"^300: (Invalid|Error parsing) 'From'", _SENDER_NOT_ALLOWED),
    # "Error parsing 'Reply-To': …", "Invalid metadata content. …", "Provide either email
    # TextBody or HtmlBody or both."
    ResponseRule(422, r"^300\b", Rejected(Reason.BAD_CONTENT)),
    # "Sender Signature not found", "Sender signature not confirmed"
    ResponseRule(422, r"^40[01]\b", _SENDER_NOT_ALLOWED),
    # "Not allowed to send": out of credits
    ResponseRule(422, r"^405\b", NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)),
    # "You tried to send to a recipient that has been marked as inactive. …": all of them have
    ResponseRule(422, r"^406\b", Rejected(Reason.SUPPRESSED)),
    # "Forbidden attachment type"
    ResponseRule(422, r"^411\b", Rejected(Reason.BAD_CONTENT)),
    # "Account is Pending", "Account May Not Send"
    ResponseRule(422, r"^41[23]\b", _SUSPENDED),
    # "The 'MessageStream' provided does not exist on this server.", or is for inbound mail; 1226
    # is said of the same where streams are asked for.
    ResponseRule(422, r"^(1226|1235|1236)\b", NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)),
    # "Rate Limit Exceeded", should it come with a 422
    ResponseRule(422, r"^429\b", NotSent(Reason.THROTTLED, Blame.THROTTLE)),
    # "During planned service outages, Postmark API services will return this HTTP response and
    # associated JSON body." From a proxy in front it would have another body, and prove nothing.
    ResponseRule(503, r"^100: ", _UNAVAILABLE),
    # 500: "In most cases the message is lost during the process": in most.
)

_BASE = "https://api.postmarkapp.com"
_TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105 - a public word, not a secret
_METADATA_FIELDS_MAX = 10


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Postmark:
    """One server at Postmark, and one of its message streams.

    A local part that is not ASCII is refused: the mailbox must match ``[a-z0-9.!#$…]+``
    (https://postmarkapp.com/support/article/1180-what-does-errorcode-300-mean).
    """

    server_token: ApiKey
    message_stream: str = Field("outbound", description="the message stream that mail goes by")

    facts: ClassVar[Facts] = Facts(
        title="Postmark",
        regions=("global",),
        probe="our server's settings, then a message with Postmark's test token",
        probe_cost="none",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=50, bytes_max=10_000_000, body_bytes_max=5_000_000, tags_max=1
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-PM-*",)

    def encode(self, submission: Submission) -> HttpCall:
        """One message; ``MessageStream`` says by which stream."""
        return self._post(submission, self._token())

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with a ``MessageID`` is sent, unless it has an ``ErrorCode``.

        "Message accepted, but delivery may be delayed." comes without any ``ErrorCode``
        (anymail/django-anymail issue 392), and says of no recipient that it gets the message.
        """
        body = answers.json_of(reply)
        code = answers.member(body, "ErrorCode")
        message_id = answers.identifier(answers.member(body, "MessageID"))
        if reply.status != 200 or not reply.complete:
            return self._refusal(reply)
        number = answers.number(code)
        if number is not None and number != 0:
            # The same errors come with 422 as a rule.
            return self._refusal(replace(reply, status=422))
        accepted = code is None or number == 0
        if not accepted or not message_id:
            return self._refusal(reply)
        said = answers.text(answers.member(body, "Message"))
        return refused_recipients.concluded(reply, message_id, _refused(reply, said))

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look at our server, which needs our token; then send the poll with the test token.

        The test token validates a message and delivers nothing. It is not ours, so the second
        step tests Postmark, and only the first one our account.
        """
        look = HttpCall("GET", f"{_BASE}/server", self._headers(self._token()))
        return (
            ProbeCall(look, self._decode_server, sends=False),
            ProbeCall(self._post(poll(address), _TEST_TOKEN), self.decode, sends=True),
        )

    def _decode_server(self, reply: HttpReply) -> Outcome:
        """``{"ID": 1, "Name": "…", …}``; every server token may see it.

        So a 401 here is not the answer to a key that may only send, which a probe passes over:
        the step after this one would pass with any token of ours.
        """
        if reply.status == 401:
            return NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)
        known = isinstance(answers.member(answers.json_of(reply), "ID"), int)
        return Sent() if reply.status == 200 and known else self._refusal(reply)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        body = answers.json_of(reply)
        words = answers.coded(body, "ErrorCode", "Message") or answers.body_text(reply)
        return answers.judge(reply, _ANSWERS, words=words, secrets=(self._token(),))

    def _post(self, submission: Submission, token: str) -> HttpCall:
        headers = (*self._headers(token), ("Content-Type", "application/json"))
        payload = _payload(submission) | {"MessageStream": self.message_stream}
        return HttpCall("POST", f"{_BASE}/email", headers, json_body(payload))

    def _headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (("X-Postmark-Server-Token", token), ("Accept", "application/json"))

    def _token(self) -> str:
        return self.server_token.get_secret_value()


def _refused(reply: HttpReply, said: str) -> RefusedRecipients | None:
    """Everybody gets what is just "OK"; who does not is named in the text, in lower case.

    "Message OK, but will not deliver to these inactive addresses: a@example.com, b@example.com.
    Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual
    suppression." The second sentence is not always there (ActiveCampaign/postmark.js,
    ``test/unit/ErrorHandler.test.ts``; django-anymail, ``backends/postmark.py``). If all are
    inactive, the answer is error 406.
    """
    if said == "OK":
        return NOBODY_REFUSED
    names = said.partition("will not deliver to these inactive addresses:")[2].split(",")
    first_words = (name.strip().partition(" ")[0].rstrip(".") for name in names)
    return refused_recipients.named(
        reply, ((word, Reason.SUPPRESSED, "") for word in first_words if "@" in word)
    )


def _payload(submission: Submission) -> dict[str, object]:
    """The message in Postmark's JSON. Mailboxes are written as in a header, in Unicode."""
    mail = submission.mail
    payload = {
        "From": name_addr(mail.sender),
        "To": _mailboxes(mail.to),
        "Cc": _mailboxes(mail.cc),
        "Bcc": _mailboxes(mail.bcc),
        "ReplyTo": _mailboxes(mail.reply_to),
        "Subject": mail.subject,
        **body_parts(mail, "TextBody", "HtmlBody"),
        "Headers": list(_headers(submission)),
        # One, and a mail is worth more than its labels: the others are left out.
        "Tag": next((tag for tag in mail.tags if len(tag) <= 1000), ""),
        "Metadata": _metadata(submission),
        "Attachments": [_attachment(attachment) for attachment in mail.attachments],
    }
    return filled(payload)


def _mailboxes(mailboxes: Iterable[Mailbox]) -> str:
    return ", ".join(map(name_addr, mailboxes))


def _headers(submission: Submission) -> Iterator[dict[str, str]]:
    """Our Message-ID is replaced unless told otherwise (craigpaul/laravel-postmark issue 44)."""
    custom = {name: encoded(value) for name, value in submission.mail.headers.items()}
    headers = {**custom, "Message-ID": submission.message_id, "X-PM-KeepID": "true"}
    yield from ({"Name": name, "Value": value} for name, value in headers.items())


def _metadata(submission: Submission) -> dict[str, str]:
    """What Postmark can carry of it, and our id.

    At most 10 fields, with names of 20 and values of 80 characters; names that differ in letter
    case only are the same. The rest is left out rather than the mail refused.
    """
    ours = {"smsp-id": str(submission.id)}
    fit: dict[str, tuple[str, str]] = {}
    for name, value in submission.mail.metadata.items():
        if name.casefold() not in ours and len(name) <= 20 and len(value) <= 80:
            fit.setdefault(name.casefold(), (name, value))
    return dict(islice(fit.values(), _METADATA_FIELDS_MAX - len(ours))) | ours


def _attachment(attachment: Attachment) -> dict[str, object]:
    """A file needs a name and a type; an inline one has its id in the form of a ``cid:`` URL."""
    fields: dict[str, object] = {
        "Name": attachment.filename or "attachment",
        "Content": base64_part(attachment),
        "ContentType": attachment.content_type or "application/octet-stream",
    }
    if attachment.content_id is not None:
        fields["ContentID"] = f"cid:{attachment.content_id}"
    return fields
