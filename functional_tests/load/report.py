"""The results as text, and as a picture."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from functional_tests.load.costs import Cost
from functional_tests.load.figures import Figure

RATIOS_MUST: Mapping[str, float] = MappingProxyType(
    {"Express + notifme-sdk": 1.0, "FastAPI + uvicorn + httpx": 0.33}
)
"""What SMSP's cost ÷ theirs must not exceed."""


def table(costs: Sequence[Cost]) -> str:
    """The costs, cheapest first; the last columns are SMSP's cost against each one's."""
    ratios = _ratios(costs)
    rows = [f"{'':34}{'CPU µs a send':>14}{'sends/s, one core':>19}{'SMSP ÷ it':>11}"]
    for cost in sorted(costs, key=lambda cost: cost.cpu_us):
        ratio = f"{ratios[cost.name]:.2f}" if cost.name in ratios else ""
        must = RATIOS_MUST.get(cost.name)
        bound = "" if must is None or not ratio else f"   at most {must:g}"
        rows.append(f"{cost.name:34}{cost.cpu_us:14,.0f}{cost.per_s:19,.0f}{ratio:>11}{bound}")
    return "\n".join(rows)


def missed(costs: Sequence[Cost], figures: Sequence[Figure]) -> list[str]:
    """What is not as it must be, by name. Who was left out of a table has missed nothing in it."""
    ratios = _ratios(costs)
    dear = [name for name, must in RATIOS_MUST.items() if ratios.get(name, 0.0) > must]
    return dear + [one.meaning for one in figures if one.value > one.must]


def _ratios(costs: Sequence[Cost]) -> dict[str, float]:
    smsp = next((cost.cpu_us for cost in costs if cost.name == "SMSP"), None)
    return {} if smsp is None else {cost.name: smsp / cost.cpu_us for cost in costs}


def listed(figures: Sequence[Figure]) -> str:
    """The figures, each with its bound."""
    rows = []
    for one in figures:
        verdict = "ok" if one.value <= one.must else "MISSED"
        value, must = f"{one.value:.3g}{one.unit}", f"{one.must:g}{one.unit}"
        rows.append(f"{one.meaning:46}{value:>12}   at most {must:8} {verdict}")
    return "\n".join(rows)


def draw(costs: Sequence[Cost], path: Path, python: Path) -> None:
    """The costs as bars, drawn by a Python that has matplotlib."""
    told = json.dumps([[cost.name, cost.cpu_us] for cost in costs])
    script = Path(__file__).with_name("drawing.py")
    subprocess.run([str(python), str(script), str(path)], input=told, text=True, check=True)
