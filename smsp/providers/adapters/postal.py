"""PURE. Postal, a mail server that people run themselves, API version 1.

Sending    https://docs.postalserver.io/developer/api
           https://github.com/postalserver/postal/blob/main/app/controllers/legacy_api/send_controller.rb
           https://github.com/postalserver/postal/blob/main/app/models/outgoing_message_prototype.rb
Errors     https://github.com/postalserver/postal/blob/main/app/controllers/legacy_api/base_controller.rb

Owns how a message is said to Postal and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic.dataclasses import dataclass

from smsp.mail import Attachment, Mail, Mailbox, Submission, pieces_of
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.encoding.body import json_text
from smsp.providers.encoding.headers import encoded, name_addr
from smsp.providers.encoding.json_fields import base64_part, filled, json_body
from smsp.providers.encoding.mime import OUR_ID
from smsp.providers.protocols import Capabilities, Facts, HttpCall, HttpReply, ProbeCall, poll

_UNAUTHORISED = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)

# "The status code for responses will always be 200 OK": an error is {"status": "error", "data":
# {"code": "…", "message": "…"}}, matched here as "error: code: message". All of them are given
# before anything is stored. A 5xx proves nothing: recipients are stored one after the other.
_ANSWERS = (
    # "Must be authenticated as a server."
    ResponseRule(200, r"^error: AccessDenied\b", _UNAUTHORISED),
    # "The API token provided in X-Server-API-Key was not valid.", with the key in "token"
    ResponseRule(200, r"^error: InvalidServerAPIKey\b", _UNAUTHORISED),
    ResponseRule(200, r"^error: ServerSuspended\b", NotSent(Reason.SUSPENDED, Blame.ACCOUNT)),
    # "The From address is not authorised to send mail from this server"
    ResponseRule(200, r"^error: UnauthenticatedFromAddress\b", _SENDER_NOT_ALLOWED),
    ResponseRule(200, r"^error: FromAddressMissing\b", _SENDER_NOT_ALLOWED),
    ResponseRule(
        200, r"^error: (NoRecipients|TooMany\w*Addresses)\b", Rejected(Reason.BAD_RECIPIENT)
    ),
    ResponseRule(200, r"^error: (NoContent|AttachmentMissing\w*)\b", Rejected(Reason.BAD_CONTENT)),
    # {"status": "parameter-error", "data": {"message": "…"}}
    ResponseRule(200, r"^parameter-error: ", NotSent(Reason.REFUSED_4XX, Blame.NOBODY)),
)


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Postal:
    """One mail server in a Postal installation, whose address is ``SMSP_<NAME>_BASE_URL``.

    Not by ``send/raw``, which would carry more: it adds no Date, and an adapter has no clock.
    Postal writes a Message-ID of its own, so that our id travels in a header. It refuses a file
    without content ("AttachmentMissingData").
    """

    api_key: ApiKey

    facts: ClassVar[Facts] = Facts(
        title="Postal",
        regions=("your own",),
        probe="a message without recipients, which it refuses",
        probe_cost="none",
        self_hosted=True,
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        to_max=50,
        cc_max=50,
        bcc_max=50,
        reply_to_max=1,
        inline=False,
        empty_files=False,
        tags_max=1,
        metadata=False,
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-Postal-*", "X-AMP")

    def encode(self, submission: Submission) -> HttpCall:
        """The message in Postal's JSON."""
        return self._post(_payload(submission))

    def decode(self, reply: HttpReply) -> Outcome:
        """``{"status": "success", "data": {"message_id": …, "messages": {…}}}`` is sent.

        There is an entry in ``messages`` for each recipient, under the address without its name
        (``OutgoingMessagePrototype#create_messages``). Who has none, should that ever be, does
        not get the mail; without any entry nobody does.
        """
        data = _success(reply)
        messages = answers.member(data, "messages")
        if not isinstance(messages, dict) or not messages:
            return self._refusal(reply)
        message_id = answers.identifier(answers.member(data, "message_id"))
        return Sent(message_id, refused_recipients.all_but(reply, messages, Reason.MESSAGE_REFUSED))

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Send the poll to nobody: to be told "NoRecipients".

        That proves the server, its database and the key, and stores nothing.
        """
        to_nobody = _payload(poll(address))
        del to_nobody["to"]
        return (ProbeCall(self._post(to_nobody), self.decode, sends=True),)

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        secrets = (self.api_key.get_secret_value(),)
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=secrets)

    def _post(self, payload: dict[str, object]) -> HttpCall:
        headers = (
            ("X-Server-API-Key", self.api_key.get_secret_value()),
            ("Content-Type", "application/json"),
        )
        # Never called: the host is that of _BASE_URL, which is required (RFC 2606 section 2).
        url = "https://postal.invalid/api/v1/send/message"
        return HttpCall("POST", url, headers, json_body(payload))


def _payload(submission: Submission) -> dict[str, object]:
    mail = submission.mail
    return filled(
        {
            "from": name_addr(mail.sender),
            "to": list(map(name_addr, mail.to)),
            "cc": list(map(name_addr, mail.cc)),
            "bcc": list(map(name_addr, mail.bcc)),
            "reply_to": next(map(name_addr, mail.reply_to), None),
            "subject": mail.subject,
            "plain_body": json_text(_text(mail)),
            "html_body": json_text(mail.html or ""),
            "headers": _headers(submission),
            "attachments": list(map(_attachment, mail.attachments)),
            "tag": next(iter(mail.tags), None),
        }
    )


def _text(mail: Mail) -> str:
    """The text; where neither body shows anything, with a character that shows nothing.

    Postal refuses white space alone ("NoContent"), but the zero-width space is none.
    """
    shows = any(map(_shows, (mail.text, mail.html)))
    return (mail.text or "") if shows else f"{mail.text or ''}\u200b"


def _shows(body: str | None) -> bool:
    return not all(piece.isspace() for piece in pieces_of(body or ""))


def _headers(submission: Submission) -> dict[str, str]:
    """Ours last: a caller's header of that name must not hide which message this is."""
    ours = OUR_ID.lower()
    headers = {name: encoded(value) for name, value in submission.mail.headers.items()}
    return {name: value for name, value in headers.items() if name.lower() != ours} | {
        OUR_ID: str(submission.id)
    }


def _attachment(attachment: Attachment) -> dict[str, object]:
    """A file must have a name."""
    return {
        "name": attachment.filename or "attachment",
        "content_type": attachment.content_type or "application/octet-stream",
        "data": base64_part(attachment),
    }


def _success(reply: HttpReply) -> Mapping[str, object] | None:
    """The data of a success, if it is one."""
    body = answers.json_of(reply)
    data = answers.member(body, "data")
    if reply.status != 200 or not reply.complete or answers.member(body, "status") != "success":
        return None
    return data if isinstance(data, dict) else None


def _words(reply: HttpReply) -> str:
    body = answers.json_of(reply)
    data = answers.coded(answers.member(body, "data"), "code", "message")
    status = answers.text(answers.member(body, "status"))
    return ": ".join(filter(None, (status, data))) or answers.body_text(reply)
