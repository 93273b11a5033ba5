"""All that a provider of one's own needs: an adapter, or a connector, imports from here alone.

Owns the list of names, which other people's packages rely on. What each of them means is said where
it is defined: :mod:`smsp.providers.kinds` has the two protocols and the values that cross the wire,
:mod:`smsp.mail` the message, :mod:`smsp.mail.outcome` what can become of it.
"""

from __future__ import annotations

from actors import Progress
from smsp.mail import Attachment, Mail, Mailbox, Submission
from smsp.mail.outcome import (
    NOBODY_REFUSED,
    Blame,
    NotSent,
    Outcome,
    Reason,
    RefusedRecipient,
    RefusedRecipients,
    Rejected,
    Sent,
    Unknown,
)
from smsp.providers.adapters import answers, refused_recipients
from smsp.providers.adapters.answers import ResponseRule
from smsp.providers.credentials import ADAPTER_CONFIG, ApiKey, Domain
from smsp.providers.encoding.json_fields import (
    base64_part,
    body_parts,
    email_and_name,
    filled,
    json_body,
)
from smsp.providers.kinds import (
    Adapter,
    Capabilities,
    Connector,
    CredentialedAdapter,
    CredentialsSource,
    Exposure,
    Facts,
    HttpCall,
    HttpReply,
    IdempotentAdapter,
    Kind,
    ProbeCall,
    Provider,
    SigningAdapter,
    TemporaryCredentials,
    is_idempotent,
    is_signing,
)
from smsp.providers.probes import poll

__all__ = [
    "ADAPTER_CONFIG",
    "NOBODY_REFUSED",
    "Adapter",
    "ApiKey",
    "Attachment",
    "Blame",
    "Capabilities",
    "Connector",
    "CredentialedAdapter",
    "CredentialsSource",
    "Domain",
    "Exposure",
    "Facts",
    "HttpCall",
    "HttpReply",
    "IdempotentAdapter",
    "Kind",
    "Mail",
    "Mailbox",
    "NotSent",
    "Outcome",
    "ProbeCall",
    "Progress",
    "Provider",
    "Reason",
    "RefusedRecipient",
    "RefusedRecipients",
    "Rejected",
    "ResponseRule",
    "Sent",
    "SigningAdapter",
    "Submission",
    "TemporaryCredentials",
    "Unknown",
    "answers",
    "base64_part",
    "body_parts",
    "email_and_name",
    "filled",
    "is_idempotent",
    "is_signing",
    "json_body",
    "poll",
    "refused_recipients",
]
