"""I4: what becomes of each check-in that is awaited. Folds visits by itself, from the records alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation, grouped, instant

MISSED = "visit.check_in_missed.v1"
ENDED = "visit.ended.v1"
ARMS = frozenset(
    {"visit.started.v1", "visit.check_in_recorded.v1", "visit.extended.v1", "visit.watch_resumed.v1"},
)
"""Events that await the next check-in at their ``due_at``, where they have one."""

IN_TIME = frozenset({"check_in", "extend_visit", "end_visit"})
"""Operations after which, answered before the deadline, that check-in cannot be missed."""

SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
"""A span as the wire has it (ISO 8601): days, hours, minutes, seconds."""


@dataclass(frozen=True)
class Awaited:
    """A check-in that was awaited: since which event, until which deadline, and what came of it (None: still awaited)."""

    visit_id: str
    due_at: datetime
    deadline_at: datetime
    since: Event
    until: Event | None = None

    @property
    def missed(self) -> bool:
        """Whether it ended as a missed check-in."""
        return self.until is not None and self.until.type == MISSED


def span(text: str) -> timedelta:
    """Read a span of the wire. Raises ValueError."""
    found = SPAN.fullmatch(text)
    if found is None:
        message = f"{text!r} is no span of days, hours, minutes and seconds"
        raise ValueError(message)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def awaited(visit: Sequence[Event]) -> list[Awaited]:
    """Return every check-in that a visit awaited, in order, from the events of its stream."""
    found: list[Awaited] = []
    grace = timedelta(0)
    now: Awaited | None = None
    for event in visit:
        if event.type == "visit.planned.v1":
            grace = span(event.data["grace"])
        arms = event.type in ARMS and event.data["due_at"] is not None
        if not arms and event.type not in (MISSED, ENDED):
            continue
        if now is not None:
            found.append(Awaited(now.visit_id, now.due_at, now.deadline_at, now.since, event))
        now = None
        if arms:
            due_at = instant(event.data["due_at"])
            now = Awaited(event.stream_id.removeprefix("visit-"), due_at, due_at + grace, event)
    return found if now is None else [*found, now]


def visits_of(evidence: Evidence) -> Mapping[str, list[Awaited]]:
    """Return what every visit awaited, by visit id."""
    streams = evidence.log.streams.items()
    return {name.removeprefix("visit-"): awaited(events) for name, events in streams if name.startswith("visit-")}


def judge_visits(evidence: Evidence) -> Iterator[Violation]:
    """Return check-ins that were missed too early, too late, twice, never, or although they came."""
    for visit_id, each in visits_of(evidence).items():
        until = {one.until.event_id: one for one in each if one.until is not None}
        for event in evidence.log.streams[f"visit-{visit_id}"]:
            yield from _meets(event, until.get(event.event_id))
        for one in each:
            yield from _in_time(evidence, one)
        yield from _twice(evidence.log.streams[f"visit-{visit_id}"])
    yield from _answered(evidence)


def _meets(event: Event, one: Awaited | None) -> Iterator[Violation]:
    """Look at what a miss or a check-in says that it is about."""
    if event.type == MISSED:
        if one is None or instant(event.data["due_at"]) != one.due_at:
            yield Violation("I4", "a check-in is missed that was not awaited", event.where)
        elif instant(event.data["missed_at"]) != one.deadline_at:
            yield Violation("I4", "the miss names another deadline than the agreed time and its grace", event.where)
    elif event.data.get("met_due_at") is not None and (one is None or instant(event.data["met_due_at"]) != one.due_at):
        yield Violation("I4", "a check-in meets a time at which none was awaited", event.where)


def _in_time(evidence: Evidence, one: Awaited) -> Iterator[Violation]:
    """Look at when it ended: a miss from the deadline on, and anything else no later than a miss may come."""
    falls_due_at = max(one.deadline_at, one.since.recorded_at)
    where = f"visit-{one.visit_id}, due {one.due_at.isoformat()}"
    if one.until is None:
        if evidence.overdue(falls_due_at):
            yield Violation("I4", "the deadline passed with neither a check-in nor a miss", where)
    elif one.missed and one.until.recorded_at < one.deadline_at:
        yield Violation("I4", "the miss is recorded before its deadline", where)
    elif evidence.timing.late(one.until.recorded_at, falls_due_at):
        sentence = (
            "the miss is recorded too late" if one.missed else "a check-in came long after the deadline, and no miss"
        )
        yield Violation("I4", sentence, where)


def _twice(visit: Sequence[Event]) -> Iterator[Violation]:
    misses = grouped((event for event in visit if event.type == MISSED), lambda event: str(event.data["due_at"]))
    for due_at, found in misses.items():
        if len(found) > 1:
            yield Violation("I4", f"the check-in due at {due_at} is missed {len(found)} times", found[1].where)


def _answered(evidence: Evidence) -> Iterator[Violation]:
    """Compare misses with what clients were answered: only where both tell the same time."""
    if evidence.timing.clock_moved:
        return
    visits = visits_of(evidence)
    for lines in grouped(evidence.journal, lambda line: (line.source, line.id)).values():
        answered = [line.answered_at for line in lines if line.answered_at is not None and line.accepted]
        if not answered or lines[0].operation not in IN_TIME:
            continue
        sent_at = min(line.sent_at for line in lines)
        for one in visits.get(lines[0].visit_id or "", ()):
            if one.missed and one.since.recorded_at <= sent_at and min(answered) < one.deadline_at:
                sentence = f"missed although {lines[0].operation} {lines[0].id} was answered before the deadline"
                yield Violation("I4", sentence, f"visit-{one.visit_id}, due {one.due_at.isoformat()}")
            counted = one.until is not None and one.until.correlation_id == lines[0].id and not one.missed
            if counted and sent_at > one.deadline_at:
                sentence = f"{lines[0].operation} {lines[0].id} was sent after the deadline and counted as in time"
                yield Violation("I4", sentence, f"visit-{one.visit_id}, due {one.due_at.isoformat()}")
