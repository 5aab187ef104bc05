"""I3, I4, I15 and I17: every trigger opens or joins exactly one escalation, within 10 s, and none is without a trigger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.frozen import RAISED, ladders_of
from tests.faults.checker.history import PARKED, Event, Log, Violation, grouped
from tests.faults.checker.runs import DONE, STEP

TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "visit.check_in_missed.v1": "I4",
        "visit.help_requested.v1": "I17",
        "worker.help_requested.v1": "I17",
        "visit.duress_signalled.v1": "I17",
        "worker.duress_signalled.v1": "I17",
        "visit.situation_reported.v1": "I3",
        "worker.situation_reported.v1": "I3",
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

LOST = "lost-"
"""Begins the id of a trigger that is no event: an episode is open of which the opening cannot be read."""

OUTCOME = re.compile(r"(?:again\d+\.)?(?P<episode>.+)\.(?P<ladder_no>\d+)-(?P<step>\d+)\.(?P<outcome>[a-z][a-z0-9_]*)")
"""The id of a trigger that is an outcome of a task; said once more after the episode's end, it begins with ``again``."""

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
    yield from raising(log)
    for event in log.of(*TRIGGERS):
        quiet = event.type == "trouble.outage_recorded.v1" and event.data["overdue"] == 0
        if not quiet and not log.set_aside("escalation", event.position) and not _moot(evidence, event):
            yield event


def raising(log: Log) -> Iterator[Event]:
    """Yield what came of a task and is a trigger by that, as a code word is one of duress."""
    ladders = ladders_of(log)
    for event in log.of(DONE):
        frozen = ladders.get((str(event.data["escalation_id"]), event.data["ladder_no"]))
        outcome = frozen and frozen.outcome(event.data["step"], event.data["outcome"])
        if outcome and outcome.get("raises"):
            yield event


def trigger_id(trigger: Event) -> str:
    """Return by which id an escalation names its trigger: an outcome by its task, the same however often it is given."""
    if trigger.type != DONE:
        return trigger.event_id
    data = trigger.data
    return f"{data['escalation_id']}.{data['ladder_no']}-{data['step']}.{data['outcome']}"


def _moot(evidence: Evidence, trigger: Event) -> bool:
    """Say whether what was awaited came before an escalation of its absence had to be there."""
    latest = evidence.timing.latest(trigger.recorded_at)
    visit = evidence.log.streams[trigger.stream_id] if trigger.type in AWAITED else ()
    return any(one.type in CAME and trigger.position < one.position and one.recorded_at <= latest for one in visit)


def judge_raised(evidence: Evidence) -> Iterator[Violation]:
    """Return triggers whose escalation came too late, and escalations without a trigger before them."""
    raised = raised_by(evidence.log)
    for trigger in (*raising(evidence.log), *evidence.log.of(*TRIGGERS)):
        found = raised.get(trigger_id(trigger), ())
        if found and evidence.timing.late(found[0].recorded_at, trigger.recorded_at):
            bounded_by = TRIGGERS.get(trigger.type, "I17")
            yield Violation(bounded_by, "the escalation came later than 10 s after its trigger", trigger.where)
    for named, found in raised.items():
        if not found[0].data["trigger_event_id"].startswith(LOST):
            yield from _has_trigger(_triggers(evidence.log, named, found[0]), found[0])
        elif not any(stream_id.startswith("escalation-") for stream_id in evidence.log.torn):
            yield Violation("I3", "an escalation is raised for an opening that can be read", found[0].where)


def _triggers(log: Log, named: str, raised: Event) -> Sequence[Event]:
    """Return what an escalation names as its trigger: an event, a task that can end so, or whoever parked a record."""
    place = named.removeprefix("parked-")
    if place != named:
        return log.parked.get(int(place), ()) if place.isdecimal() else ()
    if of_task := OUTCOME.fullmatch(named):
        return _offered(log, raised, of_task)
    event = log.by_id.get(named)
    return () if event is None or event.type not in {*TRIGGERS, PARKED} else (event,)


def _offered(log: Log, raised: Event, of_task: re.Match[str]) -> Sequence[Event]:
    """Return the step that gave somebody a task, of which this outcome raises what was raised."""
    key = of_task["episode"], int(of_task["ladder_no"]), int(of_task["step"])
    frozen = ladders_of(log).get(key[:2])
    outcome = frozen and frozen.outcome(key[2], of_task["outcome"])
    if not outcome or outcome.get("raises") != raised.data["trigger"]:
        return ()
    steps = log.of(STEP)
    return [one for one in steps if (one.data["escalation_id"], one.data["ladder_no"], one.data["step"]) == key]


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
