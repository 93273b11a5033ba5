"""The shapes of the answers, as models, for the OpenAPI document.

The answers themselves are made in :mod:`smsp.web.replies` and do not pass through here; a test
holds each kind of them against its model. The request's shape is :mod:`smsp.mail.parsing`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaValue,
    SkipJsonSchema,
)
from pydantic_core.core_schema import WithDefaultSchema

from actors import SHOWN_STATES
from smsp.keys import Scope
from smsp.mail.outcome import REFUSED_LISTED_MAX, OutcomeWord, Reason
from smsp.mail.parsing import EmailMessage
from smsp.sending.circuits_status import NodeStatus
from smsp.web.circuits import Order
from smsp.web.replies import DETAIL_CHARACTERS_MAX, ErrorCode

Absent = SkipJsonSchema[None]
"""A field with this in its type may be missing; it is never null."""

CircuitState = Annotated[
    str, Field(json_schema_extra={"enum": [state.value for state in SHOWN_STATES]})
]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Attempt(BaseModel):
    """What one provider did with the message; `refused` if its circuit did not even call it."""

    provider: str = Field(examples=["mailgun"])
    outcome: Literal[OutcomeWord, "refused"]
    reason: Reason
    seconds: Seconds
    detail: str | Absent = Field(
        default=None,
        max_length=DETAIL_CHARACTERS_MAX,
        description="The provider's own words, if it had any.",
    )


class RefusedRecipient(BaseModel):
    """A recipient who will not get a message that others get."""

    address: str = Field(
        description="One of the message's own, with its domain in IDNA form.",
        examples=["carol@example.net"],
    )
    reason: Reason = Field(examples=["suppressed"])
    detail: str | Absent = Field(
        default=None,
        max_length=DETAIL_CHARACTERS_MAX,
        description="The provider's own words, if it had any.",
    )


RefusedRecipients = Annotated[
    list[RefusedRecipient],
    Field(max_length=REFUSED_LISTED_MAX),
]
RefusedCount = Annotated[int, Field(ge=1)]
WHO_REFUSED = (
    "For whom the provider has not taken the message: empty if for nobody, null if its answer "
    "names nobody and does not say that nobody was refused."
)
HOW_MANY_REFUSED = (
    "How many recipients were refused. It is there where the list is not all of them: above "
    f"{REFUSED_LISTED_MAX}, or where the provider does not name them."
)


class SentMessage(BaseModel):
    """A provider has taken the message, for at least one of its recipients."""

    id: UUID = Field(description="Ours, the same on every attempt; for logs and questions.")
    outcome: Literal["sent"]
    provider: str = Field(description="Who took it.", examples=["mailgun"])
    messageid: str | None = Field(description="The provider's own id for it, if it gave one.")
    refusedrecipients: RefusedRecipients | None = Field(description=WHO_REFUSED)
    refusedrecipientscount: RefusedCount | Absent = Field(
        default=None, description=HOW_MANY_REFUSED
    )
    attempts: list[Attempt] = Field(description="In order, with the one that succeeded.")


class Skipped(BaseModel):
    """A provider that would not be asked, and why."""

    provider: str = Field(examples=["sendgrid"])
    reason: Reason


class DryRun(BaseModel):
    """The message is valid. Nothing was sent."""

    valid: Literal[True]
    route: list[str] = Field(description="The providers that would be asked, in this order.")
    skipped: list[Skipped]


class Error(BaseModel):
    """What every error has: a sentence for people and a stable word for programs."""

    message: str
    code: ErrorCode
    field: str | Absent = Field(
        default=None, description="The field or header the error is about, where it is about one."
    )


class Fault(BaseModel):
    """One thing that is wrong with one field."""

    field: str = Field(
        description="A path; empty for the message itself.", examples=["toaddress[2]"]
    )
    message: str = Field(examples=["must be a string"])


class InvalidMessage(BaseModel):
    """The body is JSON, but no message. Nothing was sent."""

    message: str = Field(description="The first fault.")
    code: Literal["invalid_message"]
    field: str = Field(description="The field of the first fault.")
    faults: list[Fault] = Field(min_length=1)


class Undelivered(BaseModel):
    """The message was not sent, or may not have been; `outcome` says which."""

    message: str
    code: Literal["rejected", "no_provider", "not_sent", "unknown"] = Field(
        description="The outcome; `no_provider` is a `not_sent` for which no provider was called."
    )
    outcome: Literal["rejected", "not_sent", "unknown"]
    id: UUID
    attempts: list[Attempt]


class EmailRecord(BaseModel):
    """How a message ended, as far as is known now."""

    id: UUID
    outcome: Literal[OutcomeWord, "in_progress"]
    provider: str | Absent = Field(default=None, description="Who took it.")
    messageid: str | Absent | None = Field(
        default=None, description="The provider's own id for it, if it gave one."
    )
    refusedrecipients: RefusedRecipients | Absent | None = Field(
        default=None, description=f"Of a message that was sent. {WHO_REFUSED}"
    )
    refusedrecipientscount: RefusedCount | Absent = Field(
        default=None, description=HOW_MANY_REFUSED
    )
    attempts: list[Attempt]
    settled: bool = Field(
        description="Whether nothing more can be learned: no call for it is under way."
    )


class CircuitMailbox(BaseModel):
    """The circuit's mailbox: what waits to be read by its actor."""

    depth: Count
    capacity: Count


class Probe(BaseModel):
    """The last probe that ended."""

    at: datetime
    outcome: Literal[OutcomeWord, "failed"]
    seconds: Seconds


class Failure(BaseModel):
    """The last call or probe that counted against the provider."""

    at: datetime
    reason: str


class Counts(BaseModel):
    """How many messages got which answer from this circuit since the start."""

    sent: Count
    rejected: Count
    not_sent: Count
    unknown: Count
    refused: Count


class LatencySeconds(BaseModel):
    """How long calls took that ended within the last minute; null if none did."""

    p50: Seconds | None
    p90: Seconds | None
    p99: Seconds | None


class Transition(BaseModel):
    """One change of state."""

    at: datetime
    source: CircuitState = Field(alias="from")
    target: CircuitState = Field(alias="to")
    reason: str


class Snapshot(BaseModel):
    """One provider's circuit, as its actor last published it."""

    name: str = Field(examples=["mailgun"])
    kind: str = Field(examples=["mailgun"])
    state: CircuitState = Field(description="`closed` takes mail; `held_...` is an operator's.")
    reason: str = Field(description="Why it is in this state.")
    since: datetime
    epoch: Count = Field(description="Grows with every transition.")
    in_flight: Count = Field(description="Calls that are not over.")
    settling: Count = Field(description="Those of them whose caller has been answered.")
    limit: Count = Field(
        description="How many calls may be waited for now; it adapts, and grows with time alone."
    )
    max_in_flight: Count = Field(description="How many calls there may be in all.")
    mailbox: CircuitMailbox
    next_probe_at: datetime | None = Field(description="Set while the circuit is open.")
    last_probe: Probe | None
    last_failure: Failure | None
    counts: Counts
    latency_seconds: LatencySeconds
    restarts: Count = Field(description="How often the actor crashed and began anew.")
    alive: bool
    transitions: list[Transition] = Field(description="The last ones, oldest first.")


class Providers(BaseModel):
    """Every circuit, in routing order."""

    providers: list[Snapshot]


class Health(BaseModel):
    """The process lives. What more there is to say is for keys with the scope `observe`."""

    status: NodeStatus = Field(
        description="Whether every circuit, some or none takes mail, or the node is stopping."
    )
    version: str | Absent = None
    node: str | Absent = None
    scopes: list[Scope] | Absent = Field(default=None, description="What this key allows.")
    providers: dict[str, CircuitState] | Absent = Field(
        default=None, description="Each circuit's state by its provider's name."
    )


class Ok(BaseModel):
    """Yes."""

    status: Literal["ok"]


class Unready(BaseModel):
    """Not now, and why."""

    status: Literal["unready"]
    message: str


Body = (
    EmailMessage
    | SentMessage
    | DryRun
    | EmailRecord
    | Order
    | Error
    | InvalidMessage
    | Undelivered
    | Snapshot
    | Providers
    | Health
    | Ok
    | Unready
)
"""Every shape that the body of a request or an answer can have."""


class _Plain(GenerateJsonSchema):
    """Pydantic's schemas without what only repeats: titles made of field names, null defaults."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schemas() -> dict[str, object]:
    """Every shape of a body, and what they are made of, each under its name."""
    whole = TypeAdapter[Body](Body).json_schema(
        ref_template="#/components/schemas/{model}", schema_generator=_Plain
    )
    named: dict[str, object] = whole["$defs"]
    return named
