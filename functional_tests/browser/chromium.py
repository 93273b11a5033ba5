"""Headless Chromium, and the tools that look through it. Knows nothing of the page."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
AXE_CORE = "axe-core@4.14.1"
NPM_S_MAX = 120.0


def missing(what: str, how_to_get_it: str) -> None:
    """Not a failure on a developer's machine, where it is said; a failure in CI."""
    told = f"the browser tests need {what}: {how_to_get_it}"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)


def program(*names: str, package: str) -> str:
    """The path of the first of these programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing(names[0], f"apt-get install {package}")
    return found


@contextmanager
def chromium(profile: Path) -> Iterator:
    """A browser that knows nothing yet."""
    try:
        from selenium import webdriver  # noqa: PLC0415 - of the extra `browser`
    except ImportError:
        missing("selenium", "pip install '.[browser]'")
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "google-chrome", package="chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(program("chromedriver", package="chromium-driver"))
    driver = webdriver.Chrome(options, service)
    try:
        yield driver
    finally:
        driver.quit()


def axe_core(folder: Path) -> str:
    """The source of axe-core: the file that ``AXE_CORE_JS`` names, else fetched with npm."""
    named = os.environ.get("AXE_CORE_JS")
    if named is None:
        npm = program("npm", package="npm")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), AXE_CORE]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=NPM_S_MAX, check=False
        )
        if done.returncode:
            missing(AXE_CORE, f"npm could not fetch it:\n{done.stderr}")
        named = str(folder / "node_modules" / "axe-core" / "axe.min.js")
    return Path(named).read_text("utf-8")
