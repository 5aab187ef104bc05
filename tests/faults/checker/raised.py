"""I3, I4, I15 and I17: every trigger opens or joins exactly one escalation, within 10 s, and none is without a trigger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import PARKED, Event, Log, Violation, grouped

TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "visit.check_in_missed.v1": "I4",
        "visit.help_requested.v1": "I17",
        "worker.help_requested.v1": "I17",
        "visit.approval_overdue.v1": "I3",
        "visit.start_overdue.v1": "I3",
        "visit.end_overdue.v1": "I3",
        "visit.report_overdue.v1": "I3",
        "trouble.deadline_failed.v1": "I15",
        "trouble.clock_differed.v1": "I15",
        "trouble.self_check_differed.v1": "I15",
        "trouble.outage_recorded.v1": "I15",
    }
)
"""Type of each trigger to the invariant that bounds the time to its escalation. Parked records are judged in ``parked``."""

AWAITED = frozenset(name for name in TRIGGERS if name.endswith("_overdue.v1"))
CAME = frozenset(
    f"visit.{what}.v1" for what in ("started", "approved", "refused", "cancelled", "ended", "extended", "reported")
)
"""What shows that something awaited came after all: then an alarm about its absence is moot."""

RAISED = ("escalation.opened.v1", "escalation.joined.v1")
LOST = "lost-"
"""Begins the id of a trigger that is no event: an episode is open of which the opening cannot be read."""

SYSTEM = "escalation-system.operator"
"""The escalations about Lonewatch itself: what cannot be raised for its visit is raised here."""


def raised_by(log: Log) -> Mapping[str, Sequence[Event]]:
    """Return what each trigger opened or joined, by the trigger's id. A join of several parts counts once."""
    firsts = (event for event in log.of(*RAISED) if event.data.get("part", 1) == 1)
    return grouped(firsts, _trigger_id)


def _trigger_id(raised: Event) -> str:
    """Return which trigger it names. That an opening cannot be read is numbered within its stream."""
    named = str(raised.data["trigger_event_id"])
    return f"{raised.stream_id} {named}" if named.startswith(LOST) else named


def triggers_of(evidence: Evidence) -> Iterator[Event]:
    """Yield every event that has to open or join an escalation, unless escalation has set it aside."""
    log = evidence.log
    for event in log.of(*TRIGGERS):
        quiet = event.type == "trouble.outage_recorded.v1" and event.data["overdue"] == 0
        if not quiet and not log.set_aside("escalation", event.position) and not _moot(evidence, event):
            yield event


def _moot(evidence: Evidence, trigger: Event) -> bool:
    """Say whether what was awaited came before an escalation of its absence had to be there."""
    latest = evidence.timing.latest(trigger.recorded_at)
    visit = evidence.log.streams[trigger.stream_id] if trigger.type in AWAITED else ()
    return any(one.type in CAME and trigger.position < one.position and one.recorded_at <= latest for one in visit)


def judge_raised(evidence: Evidence) -> Iterator[Violation]:
    """Return triggers whose escalation came too late, and escalations without a trigger before them."""
    raised = raised_by(evidence.log)
    for trigger in evidence.log.of(*TRIGGERS):
        found = raised.get(trigger.event_id, ())
        if found and evidence.timing.late(found[0].recorded_at, trigger.recorded_at):
            yield Violation(
                TRIGGERS[trigger.type], "the escalation came later than 10 s after its trigger", trigger.where
            )
    for trigger_id, found in raised.items():
        if not found[0].data["trigger_event_id"].startswith(LOST):
            yield from _has_trigger(_triggers(evidence.log, trigger_id), found[0])
        elif not any(stream_id.startswith("escalation-") for stream_id in evidence.log.torn):
            yield Violation("I3", "an escalation is raised for an opening that can be read", found[0].where)


def _triggers(log: Log, trigger_id: str) -> Sequence[Event]:
    """Return what an escalation names as its trigger: an event, or whoever parked a record."""
    place = trigger_id.removeprefix("parked-")
    if place != trigger_id:
        return log.parked.get(int(place), ()) if place.isdecimal() else ()
    event = log.by_id.get(trigger_id)
    return () if event is None or event.type not in {*TRIGGERS, PARKED} else (event,)


def _has_trigger(triggers: Sequence[Event], raised: Event) -> Iterator[Violation]:
    before = [trigger for trigger in triggers if trigger.position < raised.position]
    if not before:
        yield Violation("I3", "the escalation's trigger is not in the log before it", raised.where)
    elif raised.stream_id != SYSTEM and raised.visit_id not in {visit for one in before for visit in _visits(one)}:
        yield Violation("I3", "the escalation is of another visit than its trigger", raised.where)


def _visits(trigger: Event) -> tuple[str | None, ...]:
    """Return which visit a trigger may concern: for a trouble what it says itself counts too."""
    said = trigger.data.get("visit_id") if trigger.type.startswith("trouble.") else None
    return (trigger.visit_id,) if said is None else (trigger.visit_id, said)
