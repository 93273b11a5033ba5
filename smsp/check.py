"""``smsp check``: what SMSP was told, and whether its providers would take mail."""

from __future__ import annotations

import trio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smsp.outcome import Outcome, Rejected, Sent, reason_of, word
from smsp.providers.protocols import Provider
from smsp.settings import ProviderSettings, Settings
from smsp.settings.table import describe
from smsp.wiring import PROBE_PHASES, providers


def show_settings(settings: Settings) -> None:
    """Every setting by its variable, secrets masked, and what is doubtful about them."""
    table = Table("variable", "value", box=None, pad_edge=False)
    for variable, value in describe(settings):
        table.add_row(variable, Text(value, overflow="fold"))
    console = Console()
    console.print(table)
    for warning in settings.warnings:
        console.print(f"warning: {warning}", markup=False)


def show_probes(settings: Settings) -> bool:
    """Send every provider exactly the probe that an open circuit sends; whether all passed."""
    outcomes = trio.run(_probe_all, settings)
    table = Table("provider", "probe", "outcome", "reason", box=None, pad_edge=False)
    for name, outcome in outcomes.items():
        passed = isinstance(outcome, Sent | Rejected)
        verdict = "passed" if passed else "failed"
        if outcome is None:
            table.add_row(name, verdict, "unknown", "overdue")
        else:
            table.add_row(name, verdict, word(outcome), reason_of(outcome))
    Console().print(table)
    return all(isinstance(outcome, Sent | Rejected) for outcome in outcomes.values())


async def _probe_all(settings: Settings) -> dict[str, Outcome | None]:
    outcomes: dict[str, Outcome | None] = {one.name: None for one in settings.providers}

    async def probe(one: ProviderSettings, provider: Provider) -> None:
        with trio.move_on_after(PROBE_PHASES * one.timeout_s):
            outcomes[one.name] = await provider.probe()

    async with providers(settings) as built, trio.open_nursery() as nursery:
        for one in settings.providers:
            nursery.start_soon(probe, one, built[one.name])
    return outcomes
