"""The picture of :mod:`functional_tests.outage`: a row for each rule, one time axis for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from functional_tests.outage_story import BEGINS_S, ENDS_S, OVER_S, Story

CLOSED, OPEN, DOUBT, OUTAGE = "#56b4e9", "#d55e00", "#222222", "#eeeeee"
"""Told apart by whoever sees fewer colours, too (M. Okabe and K. Ito)."""
BAR = 0.26


def draw(stories: Sequence[Story], path: Path) -> None:
    """Write the picture to ``path``."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "svg.hashsalt": "smsp"}):
        figure = Figure(figsize=(10, 4.9), dpi=160, layout=ConstrainedLayoutEngine(w_pad=0.15))
        axes = figure.subplots()
        axes.axvspan(0, ENDS_S - BEGINS_S, color=OUTAGE, zorder=0)
        for row, story in enumerate(stories):
            _draw_story(axes, -row, story)
        _dress(axes, stories)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Software": None})


def _draw_story(axes: Axes, row: float, story: Story) -> None:
    axes.barh(row, OVER_S, BAR, left=-BEGINS_S, color=CLOSED, zorder=1)
    for opened, closed in story.open_spells:
        axes.barh(row, closed - opened, BAR, left=opened - BEGINS_S, color=OPEN, zorder=2)
    doubts = [at - BEGINS_S for at in story.unknown_at]
    axes.vlines(doubts, row + 0.18, row + 0.42, color=DOUBT, linewidth=0.7, zorder=3)
    told = (
        f"{len(story.unknown_at)} unknown\n"
        f"opens after {story.opened_after_s:.1f} s\n"
        f"closes {story.closed_after_s:.1f} s after"
    )
    axes.text(OVER_S - BEGINS_S + 4, row + 0.08, told, va="center", fontsize=9, linespacing=1.35)


def _dress(axes: Axes, stories: Sequence[Story]) -> None:
    axes.set_title(
        "One provider hangs for a minute: the same mail under four rules", loc="left", pad=30
    )
    axes.set_xlabel("seconds since the outage began")
    axes.set_xlim(-BEGINS_S, OVER_S - BEGINS_S)
    axes.set_ylim(-len(stories) + 0.6, 0.6)
    axes.set_xticks(range(-int(BEGINS_S), int(OVER_S - BEGINS_S) + 1, 30))
    axes.set_yticks(
        [-row for row in range(len(stories))],
        [str(story.rule) for story in stories],
        family="DejaVu Sans Mono",
    )
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    tick = Line2D([], [], color=DOUBT, marker="|", markersize=9, linestyle="none")
    axes.legend(
        [Patch(color=CLOSED), Patch(color=OPEN), tick, Patch(color=OUTAGE)],
        ["closed: takes mail", "open: refuses, polls", "a message of unknown fate", "outage"],
        loc="lower left",
        bbox_to_anchor=(-0.005, 1.0),
        ncols=4,
        frameon=False,
        fontsize=9,
        handlelength=1.4,
        columnspacing=1.6,
    )
