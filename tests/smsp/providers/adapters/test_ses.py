"""Amazon SES: any message that it can carry comes out of the MIME as it was.

What is inside the MIME is told by ``test_mime.py``; here it is that SES gets just that.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smsp.mail import Submission
from smsp.providers.adapters.ses import Ses
from smsp.providers.encoding import mime, sigv4
from smsp.providers.protocols import SigningAdapter
from tests.kit.carried import carried_by
from tests.kit.mails import mailbox, send

SES = Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region="eu-west-1")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
sends = carried_by(SES.capabilities)


def payload_of(message: Submission) -> Any:
    """What SES reads."""
    return json.loads(SES.encode(message).body)


def tags_of(message: Submission) -> dict[str, str]:
    """The message's tags."""
    return {each["Name"]: each["Value"] for each in payload_of(message)["EmailTags"]}


@given(sends)
def test_the_message_goes_as_mime_without_its_blind_copies(message):
    """It is whole, and names nobody of bcc."""
    raw = b64decode(payload_of(message)["Content"]["Raw"]["Data"])
    assert raw == mime.build(message)
    assert b"\r\nBcc:" not in raw


@given(sends)
def test_everybody_is_in_the_destination(message):
    """SES sends to those listed, blind copies among them."""
    destination, mail = payload_of(message)["Destination"], message.mail
    places = {"ToAddresses": mail.to, "CcAddresses": mail.cc, "BccAddresses": mail.bcc}
    named = {place: [each.address for each in those] for place, those in places.items() if those}
    assert destination == named


@given(sends)
def test_our_id_and_the_metadata_that_fits_are_tags(message):
    """A tag is of ASCII letters, digits, underscores and dashes; the rest is left out."""
    tags = tags_of(message)
    assert tags.pop("smsp-id") == str(message.id)
    assert tags.items() <= message.mail.metadata.items()


def test_metadata_that_fits_is_read_back():
    """Nothing is left out without need, and ours is not hidden."""
    metadata = {"order": "7", "größe": "XL", "note": "two words", "empty": "", "smsp-id": "mine"}
    assert tags_of(send(metadata=metadata)) == {"smsp-id": str(send().id), "order": "7"}


def test_a_configuration_set_is_named_when_there_is_one():
    """It decides about events, addresses and suppression at SES."""
    named = Ses(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="ses-secret",
        region="eu-west-1",
        configuration_set="mine",
    )
    assert json.loads(named.encode(send()).body)["ConfigurationSetName"] == "mine"
    assert "ConfigurationSetName" not in payload_of(send())


@pytest.mark.parametrize("token", [None, "session+token/="])
def test_calls_are_signed_for_the_service_and_the_region(token):
    """The signing name is "ses"; the moment is the caller's, and the call is otherwise the same."""
    ses = Ses(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="ses-secret",
        region="eu-west-1",
        session_token=token,
    )
    call = ses.encode(send())
    assert isinstance(ses, SigningAdapter)
    assert ses.sign(call, MOMENT) == sigv4.sign(
        call,
        access_key_id="AKIDEXAMPLE",
        secret_access_key="ses-secret",
        session_token=token,
        region="eu-west-1",
        service="ses",
        at=MOMENT,
    )


def test_a_call_is_not_signed_before_its_time():
    """Encoding asks no clock: there is no date in it, and no authorization."""
    assert [name for name, _ in SES.encode(send()).headers] == ["Content-Type"]


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "ap-southeast-3"])
def test_each_region_has_a_host(region):
    """An account is a different one in each."""
    ses = Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region=region)
    assert ses.encode(send()).url == (
        f"https://email.{region}.amazonaws.com/v2/email/outbound-emails"
    )


@given(st.text())
def test_no_region_names_another_host(region):
    """Whatever is taken for a region stays one label of the host."""
    try:
        ses = Ses(access_key_id="AKIDEXAMPLE", secret_access_key="ses-secret", region=region)
    except ValidationError:
        return
    assert ses.encode(send()).url.startswith(f"https://email.{region}.amazonaws.com/")
    assert region.replace("-", "").isalnum()


def test_a_configuration_set_has_a_name_that_aws_allows():
    """A mistake in it is found at start."""
    with pytest.raises(ValidationError, match="1 to 64 ASCII letters"):
        Ses(
            access_key_id="AKIDEXAMPLE",
            secret_access_key="ses-secret",
            region="eu-west-1",
            configuration_set="not one",
        )


@pytest.mark.parametrize("name", ["Mine_and-Yours9", "a", "Z" * 64])
def test_configuration_sets_that_aws_allows(name):
    """Letters of both cases, digits, underscores and dashes; up to 64."""
    named = replace(SES, configuration_set=name)
    assert json.loads(bytes(named.encode(send()).body))["ConfigurationSetName"] == name


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "ä", "a.b", "a\n"])
def test_configuration_sets_that_aws_does_not_allow(name):
    """Anything else is refused at start."""
    with pytest.raises(ValidationError, match="1 to 64 ASCII letters"):
        Ses(
            access_key_id="AKIDEXAMPLE",
            secret_access_key="ses-secret",
            region="eu-west-1",
            configuration_set=name,
        )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"access_key_id": "AKIDEXAMPLE"}, "is required with ACCESS_KEY_ID"),
        ({"secret_access_key": "ses-secret"}, "goes with ACCESS_KEY_ID, which is not set"),
        ({"session_token": "token"}, "goes with ACCESS_KEY_ID, which is not set"),
    ],
)
def test_half_a_key_is_refused_at_start(keys, words):
    """It says which half is missing, and shows nothing of the other."""
    with pytest.raises(ValidationError, match=words) as caught:
        Ses(region="eu-west-1", **keys)
    assert "ses-secret" not in str(caught.value)


def test_an_international_domain_is_told_in_punycode():
    """SES takes it in no other form, and no local part that is not ASCII."""
    destination = payload_of(send(to=(mailbox("bob@bücher.example"),)))["Destination"]
    assert destination == {"ToAddresses": ["bob@xn--bcher-kva.example"]}
    assert not SES.capabilities.smtputf8


def test_what_ses_carries():
    """50 recipients; 40 MB once it is MIME; metadata as tags, and no tags of its own."""
    can = SES.capabilities
    assert (can.recipients_max, can.bytes_max, can.tags_max) == (50, 40_000_000, 0)
    assert SES.control_headers == ("X-SES-*",)
