"""Which providers recognise a repeated request by a key of ours."""

from __future__ import annotations

import pytest

from smsp.providers import KINDS
from smsp.providers.protocols import IdempotentAdapter
from tests.smsp.providers.test_adapters import ADAPTERS


@pytest.mark.parametrize("kind", ADAPTERS)
def test_only_resend_and_brevo_document_it(kind):
    """To claim it for another would turn a doubt into a second mail."""
    assert isinstance(ADAPTERS[kind], IdempotentAdapter) is (kind in {"resend", "brevo"})


def test_every_kind_is_looked_at():
    """An adapter that is registered is tested."""
    assert set(ADAPTERS) <= set(KINDS)
