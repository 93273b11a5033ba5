"""What later versions can do, and this one says it cannot."""

from __future__ import annotations

import pytest

from tests.kit.environments import PIGEON, mistakes_in

NOT_THIS_VERSION = "is not supported by this version"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SMSP_API_KEYS", "app:send:00"),
        ("SMSP_TLS_CERT", "/cert.pem"),
        ("SMSP_TLS_KEY", "/key.pem"),
        ("SMSP_TRUSTED_PROXIES", "10.0.0.0/8"),
    ],
)
def test_a_variable_of_a_later_version_is_refused_plainly(variable, text):
    """What cannot be honoured is never silently ignored."""
    assert mistakes_in({**PIGEON, variable: text}) == {variable: NOT_THIS_VERSION}
