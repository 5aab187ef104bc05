"""I5: one raiser per visit and step: one episode at a time, and each trigger, step and round of it once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation, grouped
from tests.faults.checker.raised import raised_by

OPENED = "escalation.opened.v1"
ENDS = frozenset({"escalation.resolved.v1", "escalation.stood_down.v1", "escalation.lapsed.v1"})
"""What ends an episode; of several parts the first one does."""

NUMBERED = {
    "escalation.step_started.v1": "step",
    "escalation.exhausted.v1": "round",
    "escalation.step_reached_nobody.v1": "turn",
}
"""Type of a turn of a ladder to the member that numbers it."""


def judge_episodes(evidence: Evidence) -> Iterator[Violation]:
    """Return what two raisers did where one should have."""
    for found in raised_by(evidence.log).values():
        if len(found) > 1:
            yield Violation("I5", f"one trigger raised {len(found)} escalations", found[1].where)
    for stream_id, events in evidence.log.streams.items():
        if stream_id.startswith("escalation-"):
            yield from _turns(events)
            if stream_id not in evidence.log.torn:  # else an end or an opening may be what cannot be read
                yield from _one_at_a_time(events)


def _turns(events: Sequence[Event]) -> Iterator[Violation]:
    for found in grouped(events, _turn).values():
        if len(found) > 1 and found[0].type in NUMBERED:
            number = NUMBERED[found[0].type]
            sentence = (
                f"{number} {found[0].data[number]} of ladder {found[0].data['ladder_no']} happened {len(found)} times"
            )
            yield Violation("I5", sentence, found[1].where)


def _turn(event: Event) -> tuple[object, ...]:
    number = NUMBERED.get(event.type)
    if number is None:
        return (event.position,)
    data = event.data
    return event.type, data["escalation_id"], data["ladder_no"], data[number], data.get("part", 1)


def _one_at_a_time(events: Sequence[Event]) -> Iterator[Violation]:
    """Follow which episode is open: nothing else may be opened meanwhile, and nothing may happen to another."""
    known = set[str]()
    current: str | None = None
    for event in events:
        episode = event.data.get("escalation_id")
        if event.type == OPENED:
            if current is not None:
                yield Violation("I5", f"an escalation is opened while {current} is open", event.where)
            if episode in known:
                yield Violation("I5", f"escalation {episode} is opened twice", event.where)
            current = str(episode)
            known.add(current)
        elif event.type in ENDS and event.data.get("part", 1) > 1:
            continue
        elif episode is not None and episode != current:
            yield Violation("I5", f"something happens to escalation {episode}, which is not open", event.where)
        elif event.type in ENDS:
            current = None
