"""PURE. Mailgun, API version 3.

Sending    https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages
Queues     https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/get-v3-domains--name--sending-queues
Tags       https://help.mailgun.com/hc/en-us/articles/34389096824219-Tags
           https://documentation.mailgun.com/docs/mailgun/user-manual/tracking-messages/track-tagging
Answers    https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses

Owns how a message is said to Mailgun and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mail, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey, Domain
from smsp.providers.encoding import multipart
from smsp.providers.encoding.headers import name_addr
from smsp.providers.encoding.multipart import Field, File
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)

# The bodies are {"message": "…"}, except where shown. What is missing here is judged by its
# status alone. A 5xx proves nothing: mail has been delivered after one.
_ANSWERS = (
    # Plain text, for a URL it does not know.
    ResponseRule(200, r"^Mailgun Magnificent API$", NotSent(Reason.MISCONFIGURED, Blame.ACCOUNT)),
    # "'to' parameter is not a valid address. please check documentation", with and without quotes
    ResponseRule(400, r"^'?(to|cc|bcc)'? parameter is not a valid", Rejected(Reason.BAD_RECIPIENT)),
    ResponseRule(400, r"^Too many recipients", Rejected(Reason.BAD_RECIPIENT)),
    ResponseRule(400, r"^'?from'? parameter is not a valid address", _SENDER_NOT_ALLOWED),
    ResponseRule(400, r"^Header name must be pure ASCII", Rejected(Reason.BAD_CONTENT)),
    # "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total": another
    # provider may carry the headers that are left when the labels are not to blame.
    ResponseRule(
        400,
        r"^Send options .* are limited to",
        NotSent(Reason.HEADERS_TOO_LARGE, Blame.NOBODY),
    ),
    # "Domain example.com is not allowed to send: " and then one of
    #   "Please activate your Mailgun account. …"
    #   "Sandbox subdomains are for test purposes only. … authorized recipients …"
    #   "Free accounts are for test purposes only. … authorized recipients …"
    #   "The domain is unverified and requires DNS configuration. …"
    ResponseRule(400, r"to send: Please activate", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
    ResponseRule(400, r"^Domain \S+ is not allowed to send", _SENDER_NOT_ALLOWED),
    ResponseRule(403, r"to send: Please activate", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
    # also "Domain example.com is not allowed to send large batches yet"
    ResponseRule(403, r"^Domain \S+ is not allowed to send", _SENDER_NOT_ALLOWED),
    # 401 is the bare JSON string "Forbidden"; 404 "Domain not found: …" for a wrong region, too.
)


_OPTIONS_BYTES_MAX = 16_000
_TAGS_MAX = 10


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Mailgun:
    """One sending domain at Mailgun.

    ``api_key`` may be the account's or the domain's own sending key. ``region`` is where the
    domain lives: the other one answers 404.

    A local part that is not ASCII is not claimed: Mailgun is reported to write a From header
    that cannot be delivered (django-anymail, ``backends/mailgun.py``).
    """

    api_key: ApiKey
    domain: Domain
    region: Literal["us", "eu"] = "us"

    facts: ClassVar[Facts] = Facts(
        title="Mailgun",
        regions=("us", "eu"),
        probe="state of the sending queue, then a message in test mode",
        probe_cost="charged",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=1000,
        bytes_max=25_000_000,
        # Of the 16 kB that are for all options, the rest is for Message-Id and our id.
        header_bytes_max=_OPTIONS_BYTES_MAX - 1_000,
        tags_max=_TAGS_MAX,
        metadata_bytes_max=_OPTIONS_BYTES_MAX,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-Mailgun-*",)

    def encode(self, submission: Submission) -> HttpCall:
        """A form: always ``multipart/form-data``, the only encoding Mailgun's OpenAPI lists."""
        return self._post(submission, *_fields(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"id": "<…>", "message": "Queued. Thank you."}`` is sent, and nothing else.

        It says nothing of single recipients: who is on a suppression list is dropped later.
        """
        body = answers.json_of(reply)
        queued = answers.text(answers.member(body, "message")).startswith("Queued")
        if reply.status == 200 and reply.complete and queued:
            return Sent(answers.identifier(answers.member(body, "id")))
        return self._refusal(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look whether the domain's queue takes mail, then send the poll in test mode.

        Test mode goes the whole way except for delivery, and **is charged** like a message. A
        key that may only send cannot see the queue.
        """
        look = HttpCall("GET", self._url(f"domains/{self.domain}/sending_queues"), self._headers())
        send = poll(address)
        post = self._post(send, *_fields(send), Field("o:testmode", "yes"))
        return (
            ProbeCall(look, self._decode_queues, sends=False),
            ProbeCall(post, self.decode, sends=True),
        )

    def _decode_queues(self, reply: HttpReply) -> Outcome:
        """``{"regular": {"is_disabled": …, "disabled": {"until": <RFC 822>, "reason": …}}, …}``.

        There is a queue for scheduled mail as well, which SMSP never uses.
        """
        queue = answers.member(answers.json_of(reply), "regular")
        disabled = answers.member(queue, "is_disabled")
        if reply.status != 200 or not isinstance(disabled, bool):
            return self._refusal(reply)
        return self._suspended(queue, reply.received_at) if disabled else Sent()

    def _suspended(self, queue: object, now: float) -> NotSent:
        why = answers.member(queue, "disabled")
        return NotSent(
            Reason.SUSPENDED,
            Blame.ACCOUNT,
            retry_after_s=answers.seconds_until(answers.text(answers.member(why, "until")), now),
            detail=answers.presentable(
                answers.text(answers.member(why, "reason")), self._secrets()
            ),
        )

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        words = _words(reply)
        pause_s = _pause_s(words, reply.received_at) if reply.status == 429 else None
        return answers.judge(reply, _ANSWERS, words=words, secrets=self._secrets(), pause_s=pause_s)

    def _post(self, submission: Submission, *parts: Field | File) -> HttpCall:
        form = multipart.encode(parts, submission.id)
        headers = (*self._headers(), ("Content-Type", form.content_type))
        return HttpCall("POST", self._url(f"{self.domain}/messages"), headers, form.body)

    def _url(self, path: str) -> str:
        host = "api.mailgun.net" if self.region == "us" else "api.eu.mailgun.net"
        return f"https://{host}/v3/{path}"

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Basic {self._basic()}"), ("Accept", "application/json"))

    def _basic(self) -> str:
        return b64encode(f"api:{self.api_key.get_secret_value()}".encode()).decode()

    def _secrets(self) -> tuple[str, ...]:
        return self.api_key.get_secret_value(), self._basic()


def _fields(submission: Submission) -> Iterator[Field | File]:
    """The message, field by field. All values are UTF-8; Mailgun writes the mail headers itself."""
    mail = submission.mail
    yield Field("from", name_addr(mail.sender))
    for name, mailboxes in (("to", mail.to), ("cc", mail.cc), ("bcc", mail.bcc)):
        yield from (Field(name, name_addr(mailbox)) for mailbox in mailboxes)
    yield Field("subject", mail.subject)
    yield from _bodies(mail)
    headers = tuple(_headers(submission))
    # A caller's variable of that name must not hide which message this is.
    ours = Field("v:smsp-id", str(submission.id))
    yield from headers
    yield from _labels(mail, _OPTIONS_BYTES_MAX - sum(map(_size, (*headers, ours))))
    yield ours
    yield from map(_file, mail.attachments)


def _headers(submission: Submission) -> Iterator[Field]:
    mail = submission.mail
    if mail.reply_to:
        yield Field("h:Reply-To", ", ".join(map(name_addr, mail.reply_to)))
    # Honoured in the form <unique@domain> (mailgun/mailgun.js issue 394).
    yield Field("h:Message-Id", submission.message_id)
    yield from (Field(f"h:{name}", value) for name, value in mail.headers.items())


def _labels(mail: Mail, room: int) -> Iterator[Field]:
    """Tags and metadata, as far as there is room for them: "limited to 16KB total", with headers.

    A mail is worth more than its labels: the others are left out. Of tags there are at most 10,
    "case insensitive", which "should be ascii only", of at most 128 characters.
    """
    tags = {tag.lower(): tag for tag in mail.tags if tag.isascii() and 0 < len(tag) <= 128}
    labels = [Field("o:tag", tag) for tag in islice(tags.values(), _TAGS_MAX)]
    labels += (Field(f"v:{name}", value) for name, value in mail.metadata.items())
    for label in labels:
        if label.name != "v:smsp-id" and _size(label) <= room:
            room -= _size(label)
            yield label


def _size(field: Field) -> int:
    return len(field.name.encode()) + len(field.value.encode())


def _bodies(mail: Mail) -> Iterator[Field]:
    """A space where there is none: "Need at least one of 'text' or 'html' parameters"."""
    if mail.text or not mail.html:
        yield Field("text", mail.text or " ")
    if mail.html:
        yield Field("html", mail.html)


def _file(attachment: Attachment) -> File:
    """A file without a name is dropped silently; an inline one is referred to by its name."""
    if attachment.content_id is not None:
        name, filename = "inline", attachment.content_id
    else:
        name, filename = "attachment", attachment.filename
    return File(name, filename or "attachment", attachment.content_type, attachment.content)


def _words(reply: HttpReply) -> str:
    body = answers.json_of(reply)
    return (
        answers.text(answers.member(body, "message"))
        or answers.text(body)
        or answers.body_text(reply)
    )


def _pause_s(words: str, now: float) -> float | None:
    """The delay is in the text: "… limit exceeded, try again after 120 seconds", or after a date.

    The date is like "Mon, 20 Dec 2021 20:33:21 UTC".
    """
    after = re.search(r"try again after (?:(\d+) seconds|(\w{3}, [\w :]+))", words)
    if after is None:
        return None
    seconds, date = after.groups()
    return answers.seconds_of(seconds) if seconds else answers.seconds_until(date, now)
