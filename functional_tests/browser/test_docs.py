"""The API's documentation: everything on it can be read, by day and by night."""

from __future__ import annotations

import pytest

from functional_tests.browser.page import Page
from functional_tests.kit.polling import eventually

ROUTES = ("mail-sendEmail", "circuits-orderCircuit", "health-livez")
"""One of each method: all of them are more than a browser can weigh in a test's time."""
PRESS = """
for (const each of document.querySelectorAll(arguments[0]))
  if (each.getAttribute("aria-expanded") !== "true") each.click();
"""
SCRIPT_S_MAX = 120
TOO_FAINT = """
const done = arguments[0];
const told = (node) => ({html: node.html.slice(0, 100), ...node.any[0].data});
axe.run({runOnly: ["color-contrast"]}).then((all) =>
  done(all.violations.flatMap((one) => one.nodes.map(told))));
"""


@pytest.fixture(params=["light", "dark"])
def docs(driver, smsp, axe, request) -> Page:
    """The page with some routes unfolded, a schema down to its last field, and an answer."""
    page = Page(driver, f"{smsp.url}/docs")
    page.size(1280, 1600)
    page.theme(request.param)
    driver.set_script_timeout(SCRIPT_S_MAX)
    driver.get(page.url)
    eventually(lambda: page.shows("section.models"), "the document is shown")
    for route in ROUTES:
        _press(page, f"#operations-{route} .opblock-summary-control")
        _press(page, f"#operations-{route} .try-out__btn")
    _press(page, f"#operations-{ROUTES[-1]} .execute")
    _press(page, ".models-control")
    _press(page, "section.models article:nth-child(6) .json-schema-2020-12-expand-deep-button")
    eventually(lambda: page.shows(".live-responses-table"), "an answer is shown")
    page.run(axe)
    yield page
    assert page.faults == []


def _press(page, selector):
    eventually(lambda: page.shows(selector), f"{selector} can be pressed")
    page.driver.execute_script(PRESS, selector)


def too_faint(page):
    """What has a contrast below 4.5:1, with its colours."""
    found = page.driver.execute_async_script(TOO_FAINT)
    kinds = {(one["fgColor"], one["bgColor"]): one for one in found}
    return [(one["contrastRatio"], *colours, one["html"]) for colours, one in kinds.items()]


def test_everything_can_be_read(docs, artefacts, request):
    """Also by whoever sees little, and in the dialog that asks for a key."""
    docs.driver.save_screenshot(str(artefacts / f"{request.node.callspec.id}-docs.png"))
    assert too_faint(docs) == []
    docs.run("document.querySelector('.btn.authorize').click()")
    eventually(lambda: docs.shows(".dialog-ux"), "the dialog is shown")
    assert too_faint(docs) == []
