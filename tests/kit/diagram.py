"""The machine as a picture: a Mermaid state diagram, drawn from the table itself.

Knows only ``TRANSITIONS``, so the picture in the README cannot tell anything else. A probing
circuit is drawn beside an open one, although whoever watches is told "open" for both.
"""

from __future__ import annotations

from actors.breaker import TRANSITIONS, Event, State


def mermaid() -> str:
    """The diagram, without a line break at its end: one arrow for each pair of states, named
    after all the events that lead from the one to the other, in the order of the table."""
    arrows: dict[tuple[State, State], list[Event]] = {}
    for (source, event), target in TRANSITIONS.items():
        arrows.setdefault((source, target), []).append(event)
    return "\n".join(
        [
            "stateDiagram-v2",
            f"    [*] --> {State.CLOSED}",
            *(
                f"    {source} --> {target}: {', '.join(events)}"
                for (source, target), events in arrows.items()
            ),
        ]
    )
