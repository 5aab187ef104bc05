"""I3, I4 and I17: every trigger opens or joins exactly one escalation, within 10 s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation, grouped

TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "visit.check_in_missed.v1": "I4",
        "visit.help_requested.v1": "I17",
        "worker.help_requested.v1": "I17",
    }
)
"""Type of each trigger to the invariant that bounds the time to its escalation."""

RAISED = ("escalation.opened.v1", "escalation.joined.v1")


def judge_raised(evidence: Evidence) -> Iterator[Violation]:
    """Return triggers without exactly one escalation in time, and escalations without a trigger before them."""
    log = evidence.log
    raised = grouped(log.of(*RAISED), lambda event: str(event.data["trigger_event_id"]))
    for trigger in log.of(*TRIGGERS):
        found = raised.get(trigger.event_id, [])
        if len(found) > 1:
            yield Violation("I3", f"one trigger raised {len(found)} escalations", trigger.where)
        if not found and not evidence.unsettled(trigger):
            yield Violation("I3", "the trigger opened or joined no escalation", trigger.where)
        if found and evidence.timing.late(found[0].recorded_at, trigger.recorded_at):
            yield Violation(
                TRIGGERS[trigger.type], "the escalation came later than 10 s after its trigger", trigger.where
            )
    for trigger_id, found in raised.items():
        yield from _has_trigger(log.by_id.get(trigger_id), found[0])


def _has_trigger(trigger: Event | None, raised: Event) -> Iterator[Violation]:
    if trigger is None or trigger.type not in TRIGGERS or trigger.position >= raised.position:
        yield Violation("I3", "the escalation's trigger is not in the log before it", raised.where)
    elif trigger.visit_id is not None and raised.visit_id != trigger.visit_id:
        yield Violation("I3", "the escalation is of another visit than its trigger", raised.where)
