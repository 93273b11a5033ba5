"""The dashboard as somebody in front of it sees and uses it."""

from __future__ import annotations

from pathlib import Path

from functional_tests.kit.polling import eventually

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
"""Keys of a keyboard, as the WebDriver protocol spells them."""
EXPECTED_IN_CONSOLE = ("Failed to load resource", "net::ERR_")
"""Chromium notes there what a page could not load, also where the page deals with it."""


class Page:
    """The page in a browser, found by what stands on it."""

    def __init__(self, driver, url: str) -> None:
        self.driver = driver
        self.url = url

    # -- doing

    def open(self) -> None:
        """Go there, as somebody new."""
        self.driver.get(self.url)
        self.run("sessionStorage.clear()")
        self.driver.get(self.url)

    def sign_in(self, key: str) -> None:
        """Type a key and press Enter."""
        self.one("#key").send_keys(f"{key}\n")

    def press(self, name: str, part: str) -> None:
        """Press a button on the card of this provider."""
        self.one(f"{_card(name)} [data-is={part}]").click()

    def unfold(self, name: str) -> None:
        """Show what the card keeps folded away."""
        self.one(f"{_card(name)} summary").click()

    def size(self, width: int, height: int) -> None:
        """Have a screen of so many pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def theme(self, name: str) -> None:
        """Prefer ``light`` or ``dark``, without any movement."""
        features = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": key, "value": value} for key, value in features.items()]},
        )

    def picture(self, path: Path, width: int, height: int) -> None:
        """Take a picture of the whole page, at least so high."""
        self.size(width, height)
        whole = self.run("return document.documentElement.scrollHeight")
        self.size(width, max(height, whole))
        self.driver.save_screenshot(str(path))

    # -- seeing

    def one(self, selector: str):
        """The first element that the selector finds."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """What can be read there; nothing if it is hidden."""
        return self.one(selector).text

    def shows(self, selector: str) -> bool:
        """Whether it can be seen."""
        found = self.driver.find_elements("css selector", selector)
        return bool(found) and found[0].is_displayed()

    def state(self, name: str) -> str:
        """The state that the card shows; nothing while there is no card."""
        if not self.shows(_card(name)):
            return ""
        return self.text(f"{_card(name)} .state").lower()

    def part(self, name: str, part: str) -> str:
        """What a part of the card says."""
        return self.text(f"{_card(name)} [data-is={part}]")

    @property
    def connection(self) -> str:
        """Whether it is live, or how stale."""
        return self.text("#connection") if self.shows("#connection") else ""

    @property
    def announced(self) -> str:
        """What a screen reader was told last."""
        return self.one("#announcer").get_attribute("textContent")

    @property
    def focused(self) -> str | None:
        """The id or the part of the element that has the focus."""
        element = self.driver.switch_to.active_element
        return element.get_attribute("id") or element.get_attribute("data-is")

    @property
    def faults(self) -> list[str]:
        """What the browser has complained about."""
        told = [entry["message"] for entry in self.driver.get_log("browser")]
        return [one for one in told if not any(known in one for known in EXPECTED_IN_CONSOLE)]

    def run(self, script: str):
        """The value of a script in the page."""
        return self.driver.execute_script(script)

    def wait_for_state(self, name: str, state: str, *, within_s: float = 15.0) -> None:
        """Return when the card shows this state."""
        eventually(
            lambda: self.state(name) == state, f"the card of {name} is {state}", within_s=within_s
        )

    def wait_until_live(self) -> None:
        """Return when the page is connected."""
        eventually(lambda: self.connection == "Live", "the page is live")


def _card(name: str) -> str:
    return f'.card[data-name="{name}"]'
