"""I13: while nobody can be watched over, the system says so: outside, to whoever asks, and afterwards in the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from tests.faults.checker.evidence import Evidence, Line
from tests.faults.checker.history import Event, Violation, instant
from tests.faults.checker.visits import MISSED

SILENT_AFTER = timedelta(seconds=60)
"""How long the outside heartbeat may go on in an outage, and how soon it must be back after one."""

KNOWN_AFTER = timedelta(seconds=15)
"""How long into an outage every answer must know of it: 10 s until a cycle counts as old, and a look and an answer more."""

LATE = timedelta(seconds=10)
"""A miss that is detected this long after its deadline says why."""

LONGEST_ASKED = timedelta(hours=1)
"""How long before its deadline a worker may have been asked for a check-in, and an outage may have kept it out."""

BEGUN = frozenset({"approve_visit", "start_visit"})
"""Operations that begin what nobody could watch over."""

TAKEN = frozenset({"check_in", "extend_visit", "ask_for_help", "end_visit", "acknowledge", "resolve", "stand_down"})
"""Operations that are taken whenever they can be committed, with an answer that says whom to ring."""

OUTAGE = "system_outage"
"""What a miss says that fell into an outage of ours, in the place of the worker's silence."""


def judge_knowing(evidence: Evidence) -> Iterator[Violation]:
    """Return where the system knew nothing of its own state, or did not say it."""
    if not evidence.timing.clock_moved:
        yield from _heartbeats(evidence)
        yield from _answers(evidence)
    yield from _lateness(evidence)


def _heartbeats(evidence: Evidence) -> Iterator[Violation]:
    beats = evidence.heartbeats
    outages = sorted(evidence.timing.outages)
    if beats is None or not outages:
        return
    for begin, end in outages:
        if wrong := [at for at in beats if begin + SILENT_AFTER < at < end]:
            yield Violation("I13", "a heartbeat came long after an outage began", f"{wrong[0].isoformat()}")
        back = evidence.timing.latest(end, SILENT_AFTER)
        if evidence.log.now > back and not any(end <= at <= back for at in beats):
            yield Violation("I13", "no heartbeat came after an outage", f"from {end.isoformat()}")
    begin = outages[0][0]
    since = min((event.recorded_at for event in evidence.log.events), default=begin)
    if begin - since > SILENT_AFTER and not any(begin - SILENT_AFTER <= at <= begin for at in beats):
        yield Violation("I13", "no heartbeat came before an outage", f"until {begin.isoformat()}")


def _answers(evidence: Evidence) -> Iterator[Violation]:
    committed = {(command.source, command.id): command.recorded_at for command in evidence.log.commands}
    for line in evidence.journal:
        begin = _inside(evidence.timing.outages, line)
        if begin is None:
            continue
        where = f"{line.operation} {line.id} of {line.source}"
        at = committed.get((line.source, line.id))
        before = at is not None and at <= begin + KNOWN_AFTER  # a repeat gets its first answer again
        if line.operation in BEGUN and line.accepted and not before:
            yield Violation("I13", f"{line.operation} was accepted while the watch is impaired", where)
        told = line.accepted or line.status == HTTPStatus.SERVICE_UNAVAILABLE
        if line.operation in TAKEN and told and not _says_so(line):
            yield Violation("I13", "the answer does not say that the watch is impaired, and whom to ring", where)


def _inside(outages: Sequence[tuple[datetime, datetime]], line: Line) -> datetime | None:
    """Return when the outage began in which something was sent and answered, long enough to be known of."""
    if line.answered_at is None:
        return None
    found = (begin for begin, end in outages if begin + KNOWN_AFTER < line.sent_at and line.answered_at < end)
    return next(found, None)


def _says_so(line: Line) -> bool:
    watch = line.answer.get("watch")
    if not isinstance(watch, dict):
        return False
    ring = watch.get("ring")
    return watch.get("impaired") is True and isinstance(ring, str) and bool(ring)


def _lateness(evidence: Evidence) -> Iterator[Violation]:
    """Whatever fell due in an outage of checkin says so; what is late without one gives another reason."""
    ours = [one for one in evidence.log.of("trouble.outage_recorded.v1") if one.data["service"] == "checkin"]
    for miss in evidence.log.of(MISSED):
        missed_at, late = instant(miss.data["missed_at"]), miss.data.get("late")
        fell_in = any(one.position < miss.position and _spans(one, missed_at) for one in ours)
        if fell_in and late != OUTAGE:
            yield Violation("I13", "a miss fell into an outage of ours and does not say so", miss.where)
        asked = missed_at - LONGEST_ASKED  # from its reminder on a worker may have tried in vain
        away = any(one.position < miss.position and _ended_after(one, asked) for one in ours)
        if not away and late == OUTAGE:
            yield Violation("I13", "a miss blames an outage that is not in the log", miss.where)
        detected_at = instant(miss.data["detected_at"]) if "detected_at" in miss.data else miss.recorded_at
        if late is None and detected_at - missed_at > LATE:
            yield Violation("I13", "a miss is late and does not say why", miss.where)


def _ended_after(outage: Event, at: datetime) -> bool:
    return instant(outage.data["to_at"]) >= at


def _spans(outage: Event, at: datetime) -> bool:
    return instant(outage.data["from_at"]) <= at <= instant(outage.data["to_at"])
