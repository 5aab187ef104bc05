"""The ladders that a history froze, and how a timeline names their steps. Knows what a policy says, decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.contracts.envelope import Recorded
from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.ladders import Ladder, Step

Ladders = Mapping[tuple[str, int], Ladder]
"""By escalation and number. A ladder that could not be read is not among them."""


def frozen_in(history: Iterable[Recorded]) -> Ladders:
    """Return every ladder that an event of a history froze."""
    return {
        (event.escalation_id, event.ladder_no): event.ladder
        for event in (recorded.event for recorded in history)
        if isinstance(event, EscalationOpened | EscalationJoined) and event.ladder and event.ladder_no is not None
    }


def step_of(ladders: Ladders, escalation_id: str, ladder_no: int, step: int) -> Step | None:
    """Return a step as it was frozen; None where there is no such step, or no ladder that could be read."""
    ladder = ladders.get((escalation_id, ladder_no))
    return ladder.steps[step - 1] if ladder and 1 <= step <= len(ladder.steps) else None


def task_name(ladders: Ladders, escalation_id: str, ladder_no: int, step: int) -> str:
    """Return how a task is called in a sentence: its number as in addresses, and what it is."""
    found = step_of(ladders, escalation_id, ladder_no, step)
    return f"task {ladder_no}-{step}" + (f" ({found.name})" if found else "")
