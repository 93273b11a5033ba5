"""The picture of the machine tells what the table tells."""

from __future__ import annotations

import re

from actors.breaker import TRANSITIONS, State
from tests.kit.diagram import mermaid

ARROW = re.compile(r"    (\w+) --> (\w+): (\w+(?:, \w+)*)")


def arrows() -> list[tuple[str, str, str]]:
    matches = [ARROW.fullmatch(line) for line in mermaid().splitlines()[2:]]
    assert None not in matches
    return [match.groups() for match in matches if match]


def test_it_is_a_mermaid_state_diagram_that_begins_closed():
    """Its first two lines say what it is and where a circuit starts."""
    assert mermaid().splitlines()[:2] == ["stateDiagram-v2", "    [*] --> closed"]


def test_it_draws_every_move_of_the_table_and_no_other():
    """Read back, the arrows are the table."""
    drawn = {
        (source, event): target
        for source, target, events in arrows()
        for event in events.split(", ")
    }
    assert drawn == {(s.value, e.value): t.value for (s, e), t in TRANSITIONS.items()}


def test_there_is_one_arrow_between_two_states():
    """Several events that lead the same way share it."""
    pairs = [(source, target) for source, target, _ in arrows()]
    assert len(pairs) == len(set(pairs))


def test_every_state_is_drawn():
    """None of them is only a name in the code."""
    assert {name for arrow in arrows() for name in arrow[:2]} == {s.value for s in State}
