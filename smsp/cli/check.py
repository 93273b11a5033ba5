"""``smsp check``: what SMSP was told, and whether its providers would take mail."""

from __future__ import annotations

from collections.abc import Callable

import trio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smsp.mail.outcome import Outcome, Reason, Rejected, Sent, reason_of, word
from smsp.providers.kinds import Provider
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
    forbidden: list[str] = []
    outcomes = trio.run(_probe_all, settings, lambda name, _reason: forbidden.append(name))
    failed = [name for name, outcome in outcomes.items() if not _passed(outcome)]
    table = Table("provider", "probe", "outcome", "reason", box=None, pad_edge=False)
    for name, outcome in outcomes.items():
        verdict = "failed" if name in failed else "passed"
        if outcome is None:
            table.add_row(name, verdict, "unknown", "overdue")
        else:
            table.add_row(name, verdict, word(outcome), reason_of(outcome))
    console = Console()
    console.print(table)
    for name in forbidden:
        console.print(f"note: the key of {name} may not ask for its status; that step is left out")
    if failed:
        console.print(f"would not close the circuit of: {', '.join(failed)}")
    return not failed


def _passed(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Sent | Rejected)


async def _probe_all(
    settings: Settings, status_forbidden: Callable[[str, Reason], None]
) -> dict[str, Outcome | None]:
    outcomes: dict[str, Outcome | None] = {one.name: None for one in settings.providers}

    async def probe(one: ProviderSettings, provider: Provider) -> None:
        with trio.move_on_after(PROBE_PHASES * one.timeout_s):
            outcomes[one.name] = await provider.probe()

    async with providers(settings, status_forbidden) as built, trio.open_nursery() as nursery:
        for one in settings.providers:
            nursery.start_soon(probe, one, built[one.name])
    return outcomes
