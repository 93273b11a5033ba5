"""PURE. Amazon SES, API version 2.

Sending    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
Account    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
Errors     https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
           https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
Quotas     https://docs.aws.amazon.com/ses/latest/dg/quotas.html
Simulator  https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html

Owns how a message is said to SES and what its answers mean. Must not know HTTP clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from smsp.mail import Mail, Mailbox, Submission
from smsp.mail.outcome import Blame, NotSent, Outcome, Reason, Rejected, Sent
from smsp.providers.adapters import answers
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey
from smsp.providers.credentials_source import DefaultChain
from smsp.providers.encoding import mime, sigv4
from smsp.providers.encoding.body import base64_body
from smsp.providers.encoding.json_fields import filled, json_body
from smsp.providers.protocols import (
    Capabilities,
    CredentialsSource,
    Facts,
    HttpCall,
    HttpReply,
    ProbeCall,
    TemporaryCredentials,
    poll,
)

_UNAUTHORISED = NotSent(Reason.UNAUTHORISED, Blame.ACCOUNT)
_SENDER_NOT_ALLOWED = NotSent(Reason.SENDER_NOT_ALLOWED, Blame.NOBODY)
_SUSPENDED = NotSent(Reason.SUSPENDED, Blame.ACCOUNT)
_NO_CREDITS = NotSent(Reason.NO_CREDITS, Blame.ACCOUNT)
_THROTTLED = NotSent(Reason.THROTTLED, Blame.THROTTLE)

# The type is in the header x-amzn-ErrorType or in "__type", the rest in "message"; matched here
# as "type: message". What is missing here is judged by its status alone.
_ANSWERS = (
    # "Email address is not verified. The following identities failed the check in region …": the
    # sender, or in the sandbox a recipient. Either way it is not the message that is wrong.
    ResponseRule(400, r"^MessageRejected: Email address is not verified", _SENDER_NOT_ALLOWED),
    # moto, which plays AWS, says "Did not have authority to send from email …" of the same.
    ResponseRule(400, r"^MessageRejected: Did not have authority to send", _SENDER_NOT_ALLOWED),
    # "Sending suspended for this account. For more information, please check the inbox …"
    ResponseRule(400, r"^MessageRejected: Sending (suspended|paused)", _SUSPENDED),
    # "The message can't be sent because it contains invalid content."
    ResponseRule(400, r"^MessageRejected\b", Rejected(Reason.BAD_CONTENT)),
    # "… because the sending domain isn't verified."
    ResponseRule(400, r"^MailFromDomainNotVerifiedException\b", _SENDER_NOT_ALLOWED),
    # "… because the account's ability to send email has been permanently restricted."
    ResponseRule(400, r"^AccountSuspendedException\b", _SUSPENDED),
    # "… because the account's ability to send email is currently paused."
    ResponseRule(400, r"^SendingPausedException\b", _SUSPENDED),
    # "ThrottlingException", "Throttling", with "Daily message quota exceeded" or "Maximum sending
    # rate exceeded"; the model has "TooManyRequestsException" with 429, besides.
    ResponseRule(400, r"^Throttling\w*: Daily message quota exceeded", _NO_CREDITS),
    ResponseRule(400, r"^(Throttling|LimitExceeded)", _THROTTLED),
    ResponseRule(429, r"Daily message quota exceeded", _NO_CREDITS),
    # "User: arn:… is not authorized to perform: ses:SendEmail on resource: arn:…:identity/…": the
    # key may send, but not from there.
    ResponseRule(403, r"^AccessDenied.*\bon resource\b.*:identity/", _SENDER_NOT_ALLOWED),
    ResponseRule(403, r"^AccessDenied", NotSent(Reason.FORBIDDEN, Blame.ACCOUNT)),
    ResponseRule(
        403,
        # "The security token included in the request is invalid", "Signature expired: …", …
        r"^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|"
        r"IncompleteSignature|MissingAuthenticationToken|ExpiredToken|RequestExpired|OptInRequired)",
        _UNAUTHORISED,
    ),
)


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]{2,12}){1,2}-[0-9]", value):
        raise ValueError("must be the name of an AWS region, like eu-west-1")
    return value


def _configuration_set(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("must be 1 to 64 ASCII letters, digits, underscores and dashes")
    return value


@dataclass(frozen=True, config=ADAPTER_CONFIG)
class Ses:
    """One AWS account's SES in one region.

    The message goes as raw MIME, which carries everything, beside an explicit list of recipients,
    which keeps the blind copies blind. SES writes a Message-ID and a Date of its own over ours, so
    that our id travels as a message tag and in a header.
    """

    region: Annotated[str, AfterValidator(_region)] = Field(description="AWS region")
    access_key_id: ApiKey | None = Field(
        default=None,
        description="access key id; not set, with the extra `smsp[aws]`: AWS's default chain",
    )
    secret_access_key: ApiKey | None = Field(
        default=None, description="secret access key", validate_default=True
    )
    session_token: ApiKey | None = Field(
        default=None,
        description="session token, for temporary credentials",
    )
    configuration_set: Annotated[str, AfterValidator(_configuration_set)] | None = Field(
        default=None, description="configuration set to send with"
    )

    facts: ClassVar[Facts] = Facts(
        title="Amazon SES",
        regions=("every AWS region with SES",),
        probe="state of the account, then a message to the mailbox simulator",
        probe_cost="charged",
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        recipients_max=50, bytes_max=40_000_000, tags_max=0
    )
    control_headers: ClassVar[tuple[str, ...]] = ("X-SES-*",)
    credentials: ClassVar[tuple[str, ...]] = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")

    @field_validator("secret_access_key", "session_token")
    @classmethod
    def _goes_with_its_id(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        key_id = info.data.get("access_key_id", key)
        if key is None and key_id is not None and info.field_name == "secret_access_key":
            raise ValueError("is required with ACCESS_KEY_ID")
        if key is not None and key_id is None:
            raise ValueError("goes with ACCESS_KEY_ID, which is not set")
        return key

    def credentials_source(self) -> CredentialsSource | None:
        """AWS's default chain, unless there are keys in the settings."""
        return DefaultChain() if self.access_key_id is None else None

    def with_credentials(self, credentials: TemporaryCredentials) -> Self:
        """The same account with these credentials."""
        token = None if credentials.session_token is None else SecretStr(credentials.session_token)
        return replace(
            self,
            access_key_id=SecretStr(credentials.key_id),
            secret_access_key=SecretStr(credentials.secret),
            session_token=token,
        )

    def encode(self, submission: Submission) -> HttpCall:
        """``Content.Raw``, unsigned: see ``sign``."""
        tags = [{"Name": name, "Value": value} for name, value in _tags(submission)]
        payload = {
            "Destination": _destination(submission.mail),
            "Content": {"Raw": {"Data": base64_body(mime.body_of(submission))}},
            "EmailTags": tags,
            "ConfigurationSetName": self.configuration_set,
        }
        headers = (("Content-Type", "application/json"),)
        return HttpCall("POST", self._url("outbound-emails"), headers, json_body(filled(payload)))

    def sign(self, call: HttpCall, at: datetime) -> HttpCall:
        """The call with Signature Version 4; AWS takes it for some minutes around ``at``."""
        token = self.session_token
        assert self.access_key_id is not None, "no credentials: see with_credentials"
        assert self.secret_access_key is not None
        return sigv4.sign(
            call,
            access_key_id=self.access_key_id.get_secret_value(),
            secret_access_key=self.secret_access_key.get_secret_value(),
            session_token=None if token is None else token.get_secret_value(),
            region=self.region,
            service="ses",
            at=at,
        )

    def decode(self, reply: HttpReply) -> Outcome:
        """200 with ``{"MessageId": "…"}`` is sent, and nothing else.

        It says nothing of single recipients: a suppressed one becomes a bounce later.
        """
        message_id = answers.identifier(answers.member(answers.json_of(reply), "MessageId"))
        if reply.status == 200 and reply.complete and message_id:
            return Sent(message_id)
        return self._refusal(reply)

    def probe(self, address: Mailbox) -> tuple[ProbeCall, ...]:
        """Look whether the account may send, then send the poll to the mailbox simulator.

        That goes the whole way; it counts in no quota and no reputation, and **is billed**.
        """
        look = HttpCall("GET", self._url("account"))
        send = poll(address)
        post = self.encode(replace(send, mail=replace(send.mail, to=(_simulator(),))))
        return (
            ProbeCall(look, self._decode_account, sends=False),
            ProbeCall(post, self.decode, sends=True),
        )

    def _decode_account(self, reply: HttpReply) -> Outcome:
        """``{"SendingEnabled": …, "EnforcementStatus": …, "SendQuota": {…}, …}``."""
        account = answers.json_of(reply)
        enabled = answers.member(account, "SendingEnabled")
        if reply.status != 200 or not isinstance(enabled, bool):
            return self._refusal(reply)
        if not enabled or answers.member(account, "EnforcementStatus") == "SHUTDOWN":
            return _SUSPENDED
        return _NO_CREDITS if _used_up(answers.member(account, "SendQuota")) else Sent()

    def _refusal(self, reply: HttpReply) -> answers.Refusal:
        keys = (self.access_key_id, self.secret_access_key, self.session_token)
        secrets = tuple(key.get_secret_value() for key in keys if key is not None)
        return answers.judge(reply, _ANSWERS, words=_words(reply), secrets=secrets)

    def _url(self, path: str) -> str:
        return f"https://email.{self.region}.amazonaws.com/v2/email/{path}"


def _simulator() -> Mailbox:
    domain = "simulator.amazonses.com"
    return Mailbox("success+probe", domain, domain)


def _destination(mail: Mail) -> dict[str, object]:
    places = {"ToAddresses": mail.to, "CcAddresses": mail.cc, "BccAddresses": mail.bcc}
    return filled({place: [each.address for each in those] for place, those in places.items()})


def _tags(submission: Submission) -> Iterator[tuple[str, str]]:
    """Our id, and of the metadata what SES can carry: a mail is worth more than its labels.

    Name and value "can only contain ASCII letters, numbers, underscores or dashes", and "no more
    than 256 characters". Names of SES's own begin with "ses:", which none of these can.
    """
    yield "smsp-id", str(submission.id)
    for name, value in submission.mail.metadata.items():
        fits = all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", word) for word in (name, value))
        if fits and name != "smsp-id":
            yield name, value


def _used_up(quota: object) -> bool:
    """Whether no more may be sent today. "A value of -1 signifies an unlimited quota.\""""
    most, sent = (answers.member(quota, name) for name in ("Max24HourSend", "SentLast24Hours"))
    if not isinstance(most, int | float) or not isinstance(sent, int | float):
        return False
    return 0 <= most <= sent


def _words(reply: HttpReply) -> str:
    """The header may have a URI after the type, the body a namespace before it."""
    body = answers.json_of(reply)
    in_body = answers.text(answers.member(body, "__type")).rpartition("#")[2]
    error = (reply.headers.get("x-amzn-errortype") or in_body).partition(":")[0]
    # Spelt with a capital by the front that checks signatures.
    spellings = (answers.text(answers.member(body, name)) for name in ("message", "Message"))
    message = next(filter(None, spellings), "")
    return ": ".join(filter(None, (error, message))) or answers.body_text(reply)
