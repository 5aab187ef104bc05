"""I3: each cause has its effects once, and no effect is without its cause. Who owes what is said here for I15 too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Log, Violation, grouped
from tests.faults.checker.raised import raised_by, trigger_id, triggers_of
from tests.faults.checker.visits import MISSED

CLOSES = ("escalation.resolved.v1", "escalation.stood_down.v1")
"""Ends after which a watch that a miss had stopped goes on. A lapse is none: no miss was part of it."""

QUEUED = "notification.queued.v1"
RESUMED = "visit.watch_resumed.v1"


@dataclass(frozen=True)
class Owed:
    """An effect that is not in the log: who owes it, by which event, and what it is."""

    consumer: str
    cause: Event
    sentence: str


def owed(evidence: Evidence) -> Iterator[Owed]:
    """Yield every effect that is not in the log, however young its cause. Whoever parked the cause owes nothing."""
    log = evidence.log
    raised = raised_by(log)
    for trigger in triggers_of(evidence):
        if trigger_id(trigger) not in raised:
            yield Owed("escalation", trigger, "the trigger opened or joined no escalation")
    queued = {str(event.data["notification_id"]) for event in log.of(QUEUED)}
    for notification_id, _, asker in asked_in(log):
        if notification_id not in queued and not log.set_aside("notifier", asker.position):
            yield Owed("notifier", asker, f"notification {notification_id} was asked for and never queued")
    resumed = {str(event.data["escalation_id"]) for event in log.of(RESUMED)}
    closed = _closed(log)
    for escalation_id, close in closed.items():
        if escalation_id not in resumed and _must_resume(evidence, close, closed):
            yield Owed("checkin", close, f"the watch was not resumed after escalation {escalation_id}")


def judge_effects(evidence: Evidence) -> Iterator[Violation]:
    """Return effects that are missing, doubled or without a cause. When an escalation comes is judged in ``raised``."""
    for debt in owed(evidence):
        if not evidence.unsettled(debt.cause):
            yield Violation("I3", debt.sentence, debt.cause.where)
    yield from _causes(evidence.log)
    yield from _notifications(evidence.log)
    yield from _resumes(evidence.log)


def _causes(log: Log) -> Iterator[Violation]:
    for event in log.events:
        if event.causation_id is None:
            continue
        cause = log.by_id.get(event.causation_id)
        if cause is None or cause.position >= event.position:
            yield Violation("I3", "the event's cause is not in the log before it", event.where)


def asked_in(log: Log) -> Iterator[tuple[str, str, Event]]:
    """Yield every notification that was asked for: its id, whom to tell, and the event that asks."""
    for event in log.events:
        if event.type == "visit.reminder_due.v1":
            yield event.data["reminder_id"], event.data["worker_id"], event
        for ask in event.data.get("asks", ()) if event.stream_id.startswith("escalation-") else ():
            yield ask["notification_id"], ask["worker_id"], event


def _notifications(log: Log) -> Iterator[Violation]:
    queued = grouped(log.of(QUEUED), lambda event: str(event.data["notification_id"]))
    asked: dict[str, Event] = {}
    for notification_id, recipient_id, asker in asked_in(log):
        if notification_id in asked:
            yield Violation("I3", f"notification {notification_id} is asked for twice", asker.where)
        asked[notification_id] = asker
        for event in queued.get(notification_id, ()):
            if event.data["recipient_id"] != recipient_id:
                yield Violation("I3", f"queued for another person than {recipient_id}", event.where)
    for notification_id, found in queued.items():
        first = found[0]
        if len(found) > 1:
            yield Violation("I3", f"notification {notification_id} is queued {len(found)} times", found[1].where)
        by_hand = first.data["kind"] == "test" and first.data["asked_by"] == first.stream_id
        if not by_hand and (notification_id not in asked or asked[notification_id].position >= first.position):
            yield Violation("I3", f"notification {notification_id} is queued, and nobody asked before", first.where)


def _closed(log: Log) -> Mapping[str, Event]:
    """Return the event that ended each episode: the first, where it has several parts."""
    closed: dict[str, Event] = {}
    for event in log.of(*CLOSES):
        closed.setdefault(str(event.data["escalation_id"]), event)
    return closed


def _resumes(log: Log) -> Iterator[Violation]:
    closed = _closed(log)
    for escalation_id, found in grouped(log.of(RESUMED), lambda event: str(event.data["escalation_id"])).items():
        if len(found) > 1:
            yield Violation("I3", f"the watch is resumed {len(found)} times after {escalation_id}", found[1].where)
        if escalation_id not in closed or closed[escalation_id].position >= found[0].position:
            yield Violation("I3", f"the watch is resumed before escalation {escalation_id} was closed", found[0].where)
        for event in found:
            if not _stopped(log.streams[event.stream_id], event.position):
                yield Violation("I3", f"the watch is resumed after {escalation_id}, and none had stopped", event.where)


def _stopped(visit: Sequence[Event], position: int) -> bool:
    """Say whether a check-in had been missed before this position, and the watch not been resumed since."""
    marks = [event.type for event in visit if event.position < position and event.type in (MISSED, RESUMED)]
    return marks[-1:] == [MISSED]


def _must_resume(evidence: Evidence, close: Event, closed: Mapping[str, Event]) -> bool:
    """Say whether a miss had stopped the watch, and the visit was under way when checkin must have reacted.

    Not where an escalation that was closed earlier resumed it in between, and not where checkin set the end aside.
    """
    visit = evidence.log.streams.get(f"visit-{close.visit_id}", ())
    later = (event for event in visit if event.type == RESUMED and event.position > close.position)
    others = (closed.get(str(event.data["escalation_id"])) for event in later)
    if not _stopped(visit, close.position) or any(one and one.position < close.position for one in others):
        return False
    started = next((event for event in visit if event.type == "visit.started.v1"), None)
    ended = next((event for event in visit if event.type == "visit.ended.v1"), None)
    if started is None or started.position > close.position or evidence.log.set_aside("checkin", close.position):
        return False
    return ended is None or ended.recorded_at > evidence.timing.latest(close.recorded_at, evidence.timing.settle)
