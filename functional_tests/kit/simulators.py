"""The simulated providers as a process of their own, through their control port."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from smsp.simulator import API_KEY, DOMAIN

PROVIDERS = ("mailgun", "sendgrid")


class Simulators:
    """A running ``python -m smsp.simulator``; ``where`` is the line that it has printed."""

    def __init__(self, where: Mapping[str, int]) -> None:
        self.urls = {name: f"http://127.0.0.1:{where[f'{name}_port']}" for name in PROVIDERS}
        self.control = httpx.Client(
            base_url=f"http://127.0.0.1:{where['control_port']}", trust_env=False
        )

    def turn(self, name: str, position: str) -> None:
        """Turn a provider's switch; returns when that is in effect."""
        self.control.put(f"/providers/{name}", content=position).raise_for_status()

    def taken(self) -> dict[str, int]:
        """How often each message was taken by any provider, by SMSP's id."""
        return self.control.get("/outbox/counts").raise_for_status().json()

    def outbox(self) -> dict:
        """Totals by provider, and the last thousand messages whole."""
        return self.control.get("/outbox").raise_for_status().json()

    def accepted(self) -> dict[str, int]:
        """How much real mail each provider has taken."""
        return self.outbox()["accepted"]

    def mend(self) -> None:
        """Turn every switch up."""
        for name in PROVIDERS:
            self.turn(name, "up")

    def forget(self) -> None:
        """Empty the outbox."""
        self.control.delete("/outbox").raise_for_status()

    def close(self) -> None:
        """Close our connections to the control port."""
        self.control.close()


def settings_for(simulators: Simulators, **changes: str) -> dict[str, str]:
    """The environment of an SMSP in front of both, Mailgun first; quick, so that tests are.

    ``changes`` are variables without their ``SMSP_``. An empty one is left out.
    """
    settings = {
        "POLL_MESSAGE_ADDRESS": f"poll@{DOMAIN}",
        "POLL_INTERVAL": "0.1",
        "POLL_INTERVAL_MAX": "0.2",
        "CALL_TIMEOUT": "1",
        "SETTLE_TIMEOUT": "1",
        "PROVIDERS": "mailgun,sendgrid",
        "MAILGUN_API_KEY": API_KEY,
        "MAILGUN_DOMAIN": DOMAIN,
        "MAILGUN_BASE_URL": simulators.urls["mailgun"],
        "SENDGRID_API_KEY": API_KEY,
        "SENDGRID_BASE_URL": simulators.urls["sendgrid"],
    }
    return {f"SMSP_{name}": value for name, value in (settings | changes).items() if value}


def account(simulators: Simulators, name: str, **changes: str) -> dict[str, str]:
    """The variables of one more account with Mailgun, for ``SMSP_PROVIDERS`` to name."""
    return account_at(simulators.urls["mailgun"], name, "mailgun", **changes)


def account_at(url: str, name: str, kind: str, **changes: str) -> dict[str, str]:
    """The same with a simulated provider of this kind, wherever it is."""
    key = "SERVER_TOKEN" if kind == "postmark" else "API_KEY"
    own = {"KIND": kind, key: API_KEY, "BASE_URL": url}
    if kind == "mailgun":
        own["DOMAIN"] = DOMAIN
    prefix = name.upper().replace("-", "_")
    return {f"{prefix}_{setting}": value for setting, value in (own | changes).items()}
