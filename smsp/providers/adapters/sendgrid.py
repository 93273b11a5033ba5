"""PURE. Twilio SendGrid, API version 3.

Sending      https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
Errors       https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
Sandbox      https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sandbox-mode
Rate limits  https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits

Owns how a message is said to SendGrid and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mail, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.body import json_text
from smsp.providers.encoding.headers import encoded
from smsp.providers.encoding.json_fields import base64_part, json_body, within
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_CONTENT = "subject|content|attachments|headers|reply_to|reply_to_list|categories|custom_args"

# The bodies are {"errors": [{"field": "from", "message": "…", "help": "…"}, …]}, matched here as
# "field: message; …". What is missing here is judged by its status alone.
_ANSWERS = (
    # {"field": "personalizations.0.to.0.email", "message": "Does not contain a valid address."}
    # Only recipients are put into personalizations.
    ResponseRule(400, r"(^|; )personalizations\b", Rejected(Reason.BAD_RECIPIENT)),
    # {"field": "from.email", "message": "The from email does not contain a valid address."}
    ResponseRule(400, r"(^|; )from\b", NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)),
    ResponseRule(400, rf"(^|; )({_CONTENT})\b", Rejected(Reason.BAD_CONTENT)),
    # {"field": null, "message": "Maximum credits exceeded"}
    ResponseRule(401, r"Maximum credits exceeded", NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)),
    # {"field": "from", "message": "The from address does not match a verified Sender Identity. …"}
    ResponseRule(
        403, r"verified Sender Identity", NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
    ),
    # {"field": null, "message": "access forbidden"}: the key has no permission to send
    ResponseRule(403, r"^access forbidden$", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    # Any other 403 is the documented "Too many bad requests. Temporary block", or unknown to us.
)


_METADATA_BYTES_MAX = 10_000


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class SendGrid:
    """One SendGrid account, or a subuser of it. ``region`` is ``eu`` for an EU regional subuser.

    A local part that is not ASCII is not claimed: the reference says that Unicode is not
    supported in ``from``, and such recipients have been accepted and then dropped
    (sendgrid/sendgrid-ruby issue 91); a later changelog says otherwise, without the limits.
    """

    api_key: ApiKey
    region: Literal["global", "eu"] = "global"

    facts: ClassVar[Facts] = Facts(
        title="SendGrid",
        regions=("global", "eu"),
        probe="a message in sandbox mode",
        probe_cost="none",
    )
    # Custom arguments "may not exceed 10,000 bytes". File names beyond ASCII reach some readers
    # garbled (django-anymail, ``docs/esps/sendgrid.rst``).
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=1000,
        bytes_max=30_000_000,
        ascii_filenames=True,
        empty_files=False,
        tags_max=10,
        metadata_bytes_max=_METADATA_BYTES_MAX,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-SMTPAPI",)

    def encode(self, submission: Submission) -> HttpCall:
        """One personalization with all the recipients, so that everybody gets the same message."""
        return self._post(_payload(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """202 is sent, whatever became of its body: the id is in a header, and may be absent.

        Nothing is said of single recipients: who is on a suppression list is dropped later.
        200 is only ever the answer of the sandbox, "valid, but not queued to be delivered".
        """
        if reply.status == 202:
            return Sent(answers.identifier(reply.headers.get("x-message-id")))
        return self._refusal(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Send the poll in sandbox mode: it is validated, costs nothing and is then dropped.

        What lies behind the front of the API, and how many credits are left, it cannot see.
        """
        sandbox = {"mail_settings": {"sandbox_mode": {"enable": True}}}
        call = self._post(_payload(poll(address)) | sandbox)
        return (ProbeCall(call, self._decode_sandboxed, sends=True),)

    def _decode_sandboxed(self, reply: HttpReply) -> Outcome:
        """200 is the sandbox's success. After a 202 the poll is on its way for real: it sends."""
        return Sent() if reply.status == 200 else self.decode(reply)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        secrets = (self.api_key.get_secret_value(),)
        pause_s = _pause_s(reply) if reply.status == 429 else None
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=secrets, pause_s=pause_s)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        host = "api.sendgrid.com" if self.region == "global" else "api.eu.sendgrid.com"
        headers = (
            ("Authorization", f"Bearer {self.api_key.get_secret_value()}"),
            ("Accept", "application/json"),  # 406 without it
            ("Content-Type", "application/json"),
        )
        return HttpCall("POST", f"https://{host}/v3/mail/send", headers, json_body(payload))


def _payload(submission: Submission) -> dict[str, object]:
    """The message in SendGrid's JSON. All values of ``headers`` and ``custom_args`` are strings."""
    mail = submission.mail
    payload: dict[str, object] = {
        "personalizations": [_recipients(mail)],
        "from": _mailbox(mail.sender),
        # "must be a string at least one character in length"
        "subject": mail.subject or " ",
        "content": list(_content(mail)),
        # Message-ID is no reserved name, and is kept (anymail/django-anymail issue 108).
        "headers": {
            **{name: encoded(value) for name, value in mail.headers.items()},
            "Message-ID": submission.message_id,
        },
        "custom_args": within(_METADATA_BYTES_MAX, mail.metadata, {"smsp-id": str(submission.id)}),
    }
    lists: dict[str, list[object]] = {
        "reply_to_list": [_mailbox(mailbox) for mailbox in _unique(mail.reply_to, set())],
        "categories": list(_categories(mail.tags)),
        "attachments": [_attachment(attachment) for attachment in mail.attachments],
    }
    return payload | {name: items for name, items in lists.items() if items}


def _recipients(mail: Mail) -> dict[str, object]:
    """An address named more than once keeps its first place.

    "Each email address in the personalization block should be unique between to, cc, and bcc."
    """
    seen: set[str] = set()
    places = (("to", mail.to), ("cc", mail.cc), ("bcc", mail.bcc))
    unique = {
        place: [_mailbox(mailbox) for mailbox in _unique(mailboxes, seen)]
        for place, mailboxes in places
    }
    return {place: recipients for place, recipients in unique.items() if recipients}


def _unique(mailboxes: Iterable[Mailbox], seen: set[str]) -> Iterator[Mailbox]:
    for mailbox in mailboxes:
        if (address := mailbox.address.casefold()) not in seen:
            seen.add(address)
            yield mailbox


def _mailbox(mailbox: Mailbox) -> dict[str, str]:
    """A name goes as it is: SendGrid quotes it in the header.

    It did not always, so that quotes of the client's own were needed; now they would be shown
    (django-anymail, changes of version 13.0).
    """
    name = {"name": mailbox.name} if mailbox.name else {}
    return {"email": mailbox.address} | name


def _content(mail: Mail) -> Iterator[dict[str, object]]:
    """Text before HTML, "at least one character in length" each: a space where there is none."""
    if mail.text or not mail.html:
        yield {"type": "text/plain", "value": json_text(mail.text or " ")}
    if mail.html:
        yield {"type": "text/html", "value": json_text(mail.html)}


def _categories(tags: Iterable[str]) -> Iterator[str]:
    """The tags SendGrid can carry: at most 10, each once, in ASCII, of at most 255 characters.

    A mail is worth more than its labels: the others are left out rather than refused.
    """
    fit = (tag for tag in dict.fromkeys(tags) if tag.isascii() and 0 < len(tag) <= 255)
    return islice(fit, 10)


def _attachment(attachment: Attachment) -> dict[str, object]:
    """Neither the type (so no parameters) nor the name may contain ";"; the name no "," either."""
    media_type = attachment.content_type.partition(";")[0].strip()
    filename = re.sub("[;,]", "_", attachment.filename)
    fields: dict[str, object] = {
        "content": base64_part(attachment),
        "type": media_type or "application/octet-stream",
        "filename": filename or "attachment",
        "disposition": "attachment",
    }
    if attachment.content_id is not None:
        fields |= {"disposition": "inline", "content_id": attachment.content_id}
    return fields


def _words(reply: HttpReply) -> str:
    errors = answers.member(answers.json_of(reply), "errors")
    said = map(_error_words, errors) if isinstance(errors, list) else ()
    return "; ".join(filter(None, said)) or answers.body_text(reply)


def _error_words(error: object) -> str:
    field, message = (answers.text(answers.member(error, name)) for name in ("field", "message"))
    return f"{field}: {message}" if field else message


def _pause_s(reply: HttpReply) -> float | None:
    """``X-RateLimit-Reset`` is the Unix time at which the rate limit's period ends."""
    reset = reply.headers.get("x-ratelimit-reset", "").strip()
    if not re.fullmatch(r"[0-9]{1,12}", reset):
        return None
    return min(max(int(reset) - reply.received_at, 0.0), answers.PAUSE_S_MAX)
