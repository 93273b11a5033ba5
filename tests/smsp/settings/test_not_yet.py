"""What later versions can do, and this one says it cannot."""

from __future__ import annotations

import pytest

from smsp.settings.not_yet import NOT_YET
from tests.kit.environments import PIGEON, mistakes_in

NOT_THIS_VERSION = "is not supported by this version"


@pytest.mark.parametrize(
    "text", ["rate:50%/20", "rate:50%/30s", "slow:80%>1s/20", "slow:80%>.5s/9"]
)
def test_a_rule_of_a_later_version_is_refused_plainly(text):
    """A rate rule is right by the documentation of later versions, and this one says it can't."""
    found = mistakes_in({**PIGEON, "SMSP_TRIP": text})

    expected = f"{NOT_THIS_VERSION}: use first-failure or consecutive:N"
    assert found == {"SMSP_TRIP": expected}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SMSP_API_KEYS", "app:send:00"),
        ("SMSP_IDEMPOTENCY_KEYS", "100000"),
        ("SMSP_TLS_CERT", "/cert.pem"),
        ("SMSP_TLS_KEY", "/key.pem"),
        ("SMSP_TRUSTED_PROXIES", "10.0.0.0/8"),
    ],
)
def test_a_variable_of_a_later_version_is_refused_plainly(variable, text):
    """What cannot be honoured is never silently ignored."""
    assert mistakes_in({**PIGEON, variable: text}) == {variable: NOT_THIS_VERSION}


def test_weighted_routing_is_of_a_later_version():
    """The one way of routing that there is may be named; the other is refused."""
    found = mistakes_in({**PIGEON, "SMSP_ROUTING": "weighted"})

    assert found == {"SMSP_ROUTING": f"{NOT_THIS_VERSION}: only priority is"}
    assert "ROUTING" in NOT_YET
