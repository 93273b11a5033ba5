"""``drawing.py PATH``: names and costs, as JSON on stdin, become bars in a PNG.

Run by the Python of the peers, which has matplotlib; knows nothing of the rest.
"""

from __future__ import annotations

import json
import sys

from matplotlib.figure import Figure

OURS, OTHERS = "#1f6feb", "#9aa4b2"


def main() -> None:
    """The command."""
    costs = sorted(json.load(sys.stdin), key=lambda cost: -cost[1])
    names, cpu_us = [name for name, _ in costs], [us for _, us in costs]
    drawing = Figure(figsize=(8, 0.5 * len(costs) + 1.4), layout="constrained")
    axes = drawing.subplots()
    colours = [OURS if name.startswith("SMSP") else OTHERS for name in names]
    axes.bar_label(axes.barh(names, cpu_us, color=colours), fmt="{:,.0f}", padding=3)
    drawing.suptitle("CPU µs a send: POST /email, provider on loopback, 32 connections, one core")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    drawing.savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
