"""The one module that a provider of one's own imports from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args, get_type_hints

import pytest

from smsp.providers import protocols
from smsp.providers.kinds import (
    Adapter,
    Connector,
    CredentialedAdapter,
    CredentialsSource,
    Facts,
    HttpCall,
    HttpReply,
    IdempotentAdapter,
    ProbeCall,
    Provider,
    SigningAdapter,
)

UNNAMED = {"Body"}
"""What :class:`HttpCall` takes besides plain bytes: ``json_body`` makes one, nobody names it."""


def classes_in(hint: object) -> Iterator[type]:
    """The classes that make up an annotation."""
    if isinstance(hint, type):
        yield hint
    for part in get_args(hint):
        for one in part if isinstance(part, list) else [part]:
            yield from classes_in(one)


def hints_of(kind: type) -> Iterator[object]:
    """What the fields of a class and its methods' arguments and answers are declared to be."""
    yield from get_type_hints(kind).values()
    for name, member in vars(kind).items():
        if callable(member) and not name.startswith("_"):
            yield from get_type_hints(member).values()


@pytest.mark.parametrize(
    "kind",
    [
        Adapter,
        Connector,
        CredentialedAdapter,
        CredentialsSource,
        Facts,
        HttpCall,
        HttpReply,
        IdempotentAdapter,
        ProbeCall,
        Provider,
        SigningAdapter,
    ],
)
def test_what_is_spoken_of_is_there(kind):
    """Each type of ours in a signature that a provider has to have is to be had from here."""
    assert kind.__name__ in protocols.__all__
    ours = {
        one.__name__
        for hint in hints_of(kind)
        for one in classes_in(hint)
        if one.__module__.startswith(("smsp.", "actors."))
    }
    assert ours - UNNAMED - set(protocols.__all__) == set()
    assert ours or kind is Facts


def test_the_names_are_those_of_the_documented_example():
    """What an adapter over JSON is written with; a name is never taken away from a plug-in."""
    used = """
        ADAPTER_CONFIG ApiKey Attachment Blame Capabilities Facts HttpCall HttpReply Mailbox NotSent
        Outcome ProbeCall Reason Rejected ResponseRule Sent Submission Unknown answers base64_part
        body_parts email_and_name filled json_body poll refused_recipients
    """
    assert set(used.split()) <= set(protocols.__all__)
    assert all(hasattr(protocols, name) for name in protocols.__all__)
