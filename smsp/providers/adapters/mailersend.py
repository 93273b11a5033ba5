"""PURE. MailerSend, API version 1.

Sending      https://developers.mailersend.com/api/v1/email.html
Errors       https://developers.mailersend.com/general.html#errors
             https://www.mailersend.com/help/rate-limits-how-to-reduce-403-422-429-errors
Quota        https://developers.mailersend.com/general.html#api-quota

Owns how a message is said to MailerSend and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

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
    Unknown,
)
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.json_fields import (
    base64_part,
    body_parts,
    email_and_name,
    filled,
    json_body,
)
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_NO_CREDITS = NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)

# The bodies are {"message": "…", "errors": {"from.email": ["…"], …}}, matched here as
# "field: text; …". What is missing here is judged by its status alone.
_ANSWERS = (
    # {"warnings": [{"type": "ALL_SUPPRESSED", "recipients": […]}]}, without an X-Message-Id
    ResponseRule(202, r"(^|; )ALL_SUPPRESSED\b", Rejected(Reason.SUPPRESSED)),
    # "You have reached trial account unique recipients limit. #MS42225", "Trial accounts can only
    # send emails to the administrator's email. #MS42225": under whichever field
    ResponseRule(422, r"#MS42225|\btrial account", _NO_CREDITS),
    # "The to field is required."
    ResponseRule(422, r"(^|; )(to|cc|bcc)\b", Rejected(Reason.BAD_RECIPIENT)),
    # "The from.email domain must be verified in your account to send emails. #MS42207"
    ResponseRule(422, r"(^|; )from\b", NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)),
    ResponseRule(
        422, r"(^|; )(subject|text|html|attachments|reply_to|tags)\b", Rejected(Reason.BAD_CONTENT)
    ),
    # "The service is currently unavailable due to maintenance": 421 is documented for that alone.
    ResponseRule(421, r"", NotSent(Reason.UNAVAILABLE, Blame.PROVIDER)),
)

# One a line would be a page.
# fmt: off
_EXTENSIONS = frozenset({
    "txt", "csv", "log", "css", "ics", "xml", "jpg", "jpe", "jpeg", "gif", "png", "bmp", "psd",
    "tif", "tiff", "svg", "indd", "ai", "eps", "doc", "docx", "rtf", "odt", "ott", "pdf", "pub",
    "pages", "mobi", "epub", "mp3", "m4a", "m4v", "wma", "ogg", "flac", "wav", "aif", "aifc",
    "aiff", "mp4", "mov", "avi", "mkv", "mpeg", "mpg", "wmv", "xls", "xlsx", "ods", "numbers",
    "odp", "ppt", "pptx", "pps", "key", "zip", "vcf", "eml", "p7c", "p7m", "p7s", "pgp", "asc",
    "sig",
})
# fmt: on


# Message-IDs (RFC 5322 §3.6.4).
_ID = r"<[^<>\s@]+@[^<>\s@]+>"
_ONE_ID = re.compile(rf"\s*{_ID}\s*")
_IDS = re.compile(rf"\s*(?:{_ID}\s*)+")


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class MailerSend:
    """One account at MailerSend.

    It has no metadata, and headers for the two dearest plans only: nothing of ours can travel
    with the message. Its own id is in the answer. The headers of a thread have fields of their own,
    ``references`` on paid plans only. It tells the type of a file from its name.
    """

    api_token: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="MailerSend",
        regions=("global",),
        probe="the API quota, then a message without recipients, which it refuses",
        probe_cost="counted",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        to_max=50,
        cc_max=10,
        bcc_max=10,
        reply_to_max=1,
        bytes_max=25_000_000,
        headers_max=0,
        header_fields=MappingProxyType({"in-reply-to": _ONE_ID, "references": _IDS}),
        file_extensions=_EXTENSIONS,
        tags_max=5,
        metadata=False,
    )
    control_headers: ClassVar[tuple[str, ...]] = ()

    def encode(self, submission: Submission) -> HttpCall:
        """The message in MailerSend's JSON."""
        return self._post(_payload(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """202 with ``X-Message-Id`` is sent, whatever became of its body.

        Not when all recipients are suppressed; some may be. Nor with ``X-Send-Paused: true``: the
        mail was taken, and whether it goes out when sending resumes is not documented.
        """
        message_id = answers.identifier(reply.headers.get("x-message-id"))
        if reply.status != 202 or message_id is None or _all_suppressed(reply):
            return self._refusal(reply)
        paused = reply.headers.get("x-send-paused", "").strip().lower() == "true"
        if paused:
            return Unknown(Reason.SUSPENDED)
        return refused_recipients.concluded(reply, message_id, self._refused(reply))

    def _refused(self, reply: HttpReply) -> RefusedRecipients | None:
        """There is no body where there is nothing to tell.

        Else ``{"warnings": [{"type": "SOME_SUPPRESSED", "recipients": [{"email": "…", "reasons":
        ["hard_bounced", "spam_complaint", "unsubscribed", "blocklisted"]}]}]}``.
        """
        if not reply.body.strip():
            return NOBODY_REFUSED if reply.complete else None
        suppressed = _suppressed(answers.json_of(reply))
        return refused_recipients.named(reply, suppressed, self._secrets())

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look at the API quota, then send the poll to nobody: to be told that ``to`` is required.

        The first does not count as a request, the second does. A token may be for sending only.
        """
        look = HttpCall("GET", _url("api-quota"), self._headers())
        to_nobody = _payload(poll(address))
        del to_nobody["to"]
        return (
            ProbeCall(look, self._decode_quota, sends=False),
            ProbeCall(self._post(to_nobody), self.decode, sends=True),
        )

    def _decode_quota(self, reply: HttpReply) -> Outcome:
        """``{"quota": 1000, "remaining": 950, "reset": "…"}``, requests of this day."""
        remaining = answers.member(answers.json_of(reply), "remaining")
        if reply.status != 200 or not isinstance(remaining, int):
            return self._refusal(reply)
        return Sent() if remaining > 0 else _NO_CREDITS

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return (self.api_token.get_secret_value(),)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (*self._headers(), ("Content-Type", "application/json"))
        return HttpCall("POST", _url("email"), headers, json_body(payload))

    def _headers(self) -> tuple[tuple[str, str], ...]:
        token = self.api_token.get_secret_value()
        return (("Authorization", f"Bearer {token}"), ("Accept", "application/json"))


def _url(path: str) -> str:
    return f"https://api.mailersend.com/v1/{path}"


def _payload(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    return filled(
        {
            "from": email_and_name(mail.sender),
            "to": [_recipient(each) for each in mail.to],
            "cc": [_recipient(each) for each in mail.cc],
            "bcc": [_recipient(each) for each in mail.bcc],
            "reply_to": next(map(email_and_name, mail.reply_to), None),
            "subject": mail.subject or " ",  # required
            **body_parts(mail, "text", "html"),
            "attachments": [_attachment(each) for each in mail.attachments],
            "tags": list(dict.fromkeys(mail.tags))[:5],
            **_thread(mail.headers),
        }
    )


def _thread(headers: Mapping[str, str]) -> dict[str, object]:
    """What the message answers. Of the one it is bare, "a valid email"; of all, as in a header.

    (django-anymail, ``docs/esps/mailersend.rst``; mailersend/mailersend-php, ``README.md``.)
    """
    ids = {name.lower(): re.findall(_ID, value) for name, value in headers.items()}
    answered = next(iter(ids.get("in-reply-to", ())), "")
    return {"in_reply_to": answered[1:-1], "references": ids.get("references")}


def _recipient(mailbox: Mailbox) -> dict[str, str]:
    """A recipient's name "may not contain ; or ,"."""
    return email_and_name(replace(mailbox, name=re.sub(" *[;,] *", " ", mailbox.name).strip()))


def _attachment(attachment: Attachment) -> dict[str, object]:
    fields: dict[str, object] = {
        "filename": attachment.filename or "attachment",
        "content": base64_part(attachment),
        "disposition": "attachment",
    }
    if attachment.content_id is not None:
        fields |= {"disposition": "inline", "id": attachment.content_id}
    return fields


def _all_suppressed(reply: HttpReply) -> bool:
    warnings = answers.items(answers.member(answers.json_of(reply), "warnings"))
    return any(answers.member(each, "type") == "ALL_SUPPRESSED" for each in warnings)


def _suppressed(body: object) -> Iterator[refused_recipients.Naming]:
    for warning in answers.items(answers.member(body, "warnings")):
        if answers.member(warning, "type") != "SOME_SUPPRESSED":
            continue
        for each in answers.items(answers.member(warning, "recipients")):
            reasons = map(answers.text, answers.items(answers.member(each, "reasons")))
            email = answers.text(answers.member(each, "email"))
            yield email, Reason.SUPPRESSED, ", ".join(filter(None, reasons))


def _words(reply: HttpReply) -> str:
    body = answers.json_of(reply)
    said = "; ".join(filter(None, (*_warnings(body), *_errors(body))))
    return said or answers.text(answers.member(body, "message")) or answers.body_text(reply)


def _warnings(body: object) -> Iterator[str]:
    warnings = answers.member(body, "warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        yield answers.coded(warning, "type", "warning")


def _errors(body: object) -> Iterator[str]:
    """Each field has a list of texts."""
    errors = answers.member(body, "errors")
    for field, texts in errors.items() if isinstance(errors, dict) else ():
        words = map(answers.text, texts) if isinstance(texts, list) else (answers.text(texts),)
        yield f"{field}: {' '.join(words)}"
