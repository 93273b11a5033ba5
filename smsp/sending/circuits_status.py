"""PURE. How the circuits of a node are, in one word: the rule, for everybody who shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from actors import State

CircuitsStatus = Literal["ok", "degraded", "down"]
NodeStatus = Literal[CircuitsStatus, "draining"]
"""``draining``: the node is stopping, however its circuits are."""

TAKES_MAIL = frozenset(state for state in State if state.takes_calls)


def status_of(states: Iterable[str]) -> CircuitsStatus:
    """``down`` when no circuit takes mail, ``degraded`` when some do not.

    A word that is no :class:`State`, as another version's node may say it, takes none.
    """
    takes = [state in TAKES_MAIL for state in states]
    if not any(takes):
        return "down"
    return "ok" if all(takes) else "degraded"
