"""A browser for each file, on the dashboard of an SMSP in front of the simulators.

``BROWSER_ARTEFACTS`` names a directory to keep pictures in. Without Chromium, its driver or
selenium these tests are skipped with the reason; with ``CI=true`` they fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from functional_tests.browser.chromium import axe_core, chromium
from functional_tests.browser.page import Page
from functional_tests.kit.smsp import KEY, Smsp


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator:
    """The browser."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def visit(driver):
    """Open the dashboard of an SMSP; what the browser had to complain of fails the test."""
    pages: list[Page] = []

    def visit(smsp: Smsp) -> Page:
        page = Page(driver, smsp.url)
        page.size(1280, 800)
        page.theme("light")
        page.open()
        pages.append(page)
        return page

    yield visit
    for page in pages:
        assert page.faults == []


@pytest.fixture
def page(smsp, visit) -> Page:
    """The dashboard, asking for a key."""
    return visit(smsp)


@pytest.fixture
def board(page) -> Page:
    """The dashboard, live."""
    page.sign_in(KEY)
    page.wait_until_live()
    page.wait_for_state("mailgun", "closed")
    return page


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """axe-core, to be run in the page."""
    return axe_core(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory) -> Path:
    """Where pictures are kept."""
    named = os.environ.get("BROWSER_ARTEFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
