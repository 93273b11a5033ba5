"""Pictures of the dashboard, for people to look at: artefacts of every run, and the README's.

``BROWSER_ARTEFACTS=functional_tests/browser/pictures BROWSER_TRAFFIC_S=300`` makes the README's.
"""

from __future__ import annotations

import math
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from functional_tests.kit.smsp import KEY

SETTINGS = {"POLL_INTERVAL": "8", "POLL_INTERVAL_MAX": "30", "CALL_TIMEOUT": "2"}
BYTES_MAX = 150_000
SIZES = {"phone": (360, 780), "desk": (1280, 800), "wall": (3840, 2160)}


@pytest.fixture(scope="module")
def traffic_s():
    """For how long there is some traffic before the pictures are taken."""
    return float(os.environ.get("BROWSER_TRAFFIC_S", "6"))


def test_pictures(board, smsp, simulators, artefacts, traffic_s):
    """One provider up and one down, on three screens, by day and by night; none is large."""
    _some_traffic(smsp, traffic_s)
    simulators.turn("mailgun", "down")
    _some_traffic(smsp, 0.4)
    board.wait_for_state("mailgun", "open")
    board.unfold("mailgun")
    _some_traffic(smsp, min(traffic_s, 5.0))
    for theme in ("light", "dark"):
        board.theme(theme)
        for name, size in SIZES.items():
            path = artefacts / f"{name}-{theme}.png"
            board.picture(path, *size)
            assert 0 < path.stat().st_size < BYTES_MAX or name == "wall"
    simulators.mend()


def test_a_picture_of_the_form(page, artefacts):
    """What somebody sees who has not given a key."""
    page.picture(artefacts / "key.png", *SIZES["desk"])
    page.sign_in(KEY)
    page.wait_until_live()


def _some_traffic(smsp, seconds):
    """Mail that comes and goes like a day's, in a few minutes."""
    chance = random.Random(7)
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        while (passed := time.monotonic() - began) < seconds:
            ms = max(5, round(chance.gauss(60, 25)))
            if chance.random() < 0.02:
                ms += 300
            to = "reject@example.org" if chance.random() < 0.01 else f"slow-{ms}ms@example.org"
            pool.submit(smsp.send, to)
            time.sleep(chance.expovariate(7 + 4 * math.sin(passed / 25)))
