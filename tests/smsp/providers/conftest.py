"""What tests of connections to providers share: who vouches for peers, the ways to them, and a look
at what was left behind."""

from __future__ import annotations

import gc

import pytest
import trustme

from tests.kit.ways import NAMES, way_of


@pytest.fixture
def nothing_left_behind():
    """What was left suspended shows as a warning here, and a warning fails."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def authority():
    """Who vouches for the peers."""
    return trustme.CA()


@pytest.fixture(scope="module", params=NAMES)
def way(request, authority):
    """In the clear, and through each version of TLS: on each, all has to be as on the others."""
    return way_of(request.param, authority)
