"""The dashboard for everybody: by keyboard, by screen reader, on any screen."""

from __future__ import annotations

import pytest

from functional_tests.browser.page import ENTER, ESCAPE, TAB
from functional_tests.kit.smsp import KEY

SETTINGS = {"POLL_INTERVAL": "3", "POLL_INTERVAL_MAX": "3"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def violations_of(axe):
    """What axe-core finds wrong with the page as it is."""

    def look(page):
        page.run(axe)
        found = page.driver.execute_async_script(
            "const [rules, done] = arguments;"
            "axe.run({runOnly: rules}).then((all) => done(all.violations))",
            RULES,
        )
        return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]

    return look


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_asking_for_a_key(page, violations_of, theme):
    """The form has no fault, nor has it with one."""
    page.theme(theme)
    assert violations_of(page) == []
    page.sign_in("no-such-key-anywhere")
    assert violations_of(page) == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state(board, smsp, violations_of, theme, width):
    """Contrast, names and roles hold in every state, folded or not, and in the dialog."""
    board.theme(theme)
    board.size(width, 900)
    board.unfold("mailgun")
    assert violations_of(board) == []
    for state in ("open", "closed"):
        smsp.http.put("/providers/mailgun/circuit", json={"state": state}).raise_for_status()
        board.wait_for_state("mailgun", f"held {state}")
        assert violations_of(board) == []
    board.press("mailgun", "release")
    assert violations_of(board) == []
    board.one("#order-confirm").click()
    board.wait_for_state("mailgun", "closed")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_open_circuit(board, smsp, simulators, violations_of, theme):
    """The banner and the countdown are legible, too."""
    board.theme(theme)
    simulators.turn("mailgun", "down")
    smsp.send()
    board.wait_for_state("mailgun", "open")
    assert violations_of(board) == []


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
def test_no_sideways_scrolling(board, width):
    """Everything fits on a telephone and on a wall."""
    board.size(width, 800)
    board.unfold("mailgun")
    assert board.run("return document.documentElement.scrollWidth") == width


def test_by_keyboard_alone(page, smsp):
    """A circuit can be held without a mouse, and the focus returns to where it was."""
    page.sign_in(KEY)
    page.wait_until_live()
    page.wait_for_state("mailgun", "closed")
    assert page.focused == "main"
    _tab_to(page, "hold-open")
    page.driver.switch_to.active_element.send_keys(ENTER)
    assert page.focused == "order-cancel"
    page.driver.switch_to.active_element.send_keys(ESCAPE)
    assert not page.shows("#order")
    assert page.focused == "hold-open"
    assert smsp.provider("mailgun")["state"] == "closed"


def _tab_to(page, part):
    for _ in range(10):
        page.driver.switch_to.active_element.send_keys(TAB)
        if page.focused == part:
            return
    pytest.fail(f"no way to {part} by the Tab key")
