"""I3: each cause has its effects once, and no effect is without its cause; what arrived outside was recorded before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.checker.evidence import Arrival, Evidence
from tests.faults.checker.history import Event, Log, Violation, grouped
from tests.faults.checker.visits import MISSED

CLOSES = ("escalation.resolved.v1", "escalation.stood_down.v1")
QUEUED = "notification.queued.v1"
RESUMED = "visit.watch_resumed.v1"


def judge_effects(evidence: Evidence) -> Iterator[Violation]:
    """Return effects that are missing, doubled or without a cause. Escalations are judged in ``raised``."""
    yield from _causes(evidence.log)
    yield from _notifications(evidence)
    yield from _resumes(evidence)
    if evidence.arrivals is not None:
        yield from _arrivals(evidence, evidence.arrivals)


def _causes(log: Log) -> Iterator[Violation]:
    for event in log.events:
        if event.causation_id is None:
            continue
        cause = log.by_id.get(event.causation_id)
        if cause is None or cause.position >= event.position:
            yield Violation("I3", "the event's cause is not in the log before it", event.where)


def _asked(log: Log) -> Iterator[tuple[str, str, Event]]:
    """Yield every notification that was asked for: its id, whom to tell, and the event that asks."""
    for event in log.events:
        if event.type == "visit.reminder_due.v1":
            yield event.data["reminder_id"], event.data["worker_id"], event
        for ask in event.data.get("asks", ()) if event.stream_id.startswith("escalation-") else ():
            yield ask["notification_id"], ask["worker_id"], event


def _notifications(evidence: Evidence) -> Iterator[Violation]:
    queued = grouped(evidence.log.of(QUEUED), lambda event: str(event.data["notification_id"]))
    asked: dict[str, Event] = {}
    for notification_id, recipient_id, asker in _asked(evidence.log):
        if notification_id in asked:
            yield Violation("I3", f"notification {notification_id} is asked for twice", asker.where)
        asked[notification_id] = asker
        found = queued.get(notification_id, [])
        if not found and not evidence.unsettled(asker):
            yield Violation("I3", f"notification {notification_id} was asked for and never queued", asker.where)
        for event in found:
            if event.data["recipient_id"] != recipient_id:
                yield Violation("I3", f"queued for another person than {recipient_id}", event.where)
    for notification_id, found in queued.items():
        if len(found) > 1:
            yield Violation("I3", f"notification {notification_id} is queued {len(found)} times", found[1].where)
        if notification_id not in asked or asked[notification_id].position >= found[0].position:
            yield Violation("I3", f"notification {notification_id} is queued, and nobody asked before", found[0].where)


def _resumes(evidence: Evidence) -> Iterator[Violation]:
    log = evidence.log
    resumed = grouped(log.of(RESUMED), lambda event: str(event.data["escalation_id"]))
    closed = {str(event.data["escalation_id"]): event for event in log.of(*CLOSES)}
    for escalation_id, close in closed.items():
        if escalation_id not in resumed and _must_resume(evidence, close, closed):
            yield Violation("I3", f"the watch was not resumed after escalation {escalation_id}", close.where)
    for escalation_id, found in resumed.items():
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
    """Say whether a miss had stopped the watch, the visit was under way when checkin must have reacted, and that moment has passed.

    Not where an escalation that was closed earlier resumed it in between.
    """
    visit = evidence.log.streams.get(f"visit-{close.visit_id}", ())
    later = (event for event in visit if event.type == RESUMED and event.position > close.position)
    others = (closed.get(str(event.data["escalation_id"])) for event in later)
    if not _stopped(visit, close.position) or any(one and one.position < close.position for one in others):
        return False
    started = next((event for event in visit if event.type == "visit.started.v1"), None)
    ended = next((event for event in visit if event.type == "visit.ended.v1"), None)
    if started is None or started.position > close.position or evidence.unsettled(close):
        return False
    return ended is None or ended.recorded_at > evidence.timing.latest(close.recorded_at, evidence.timing.settle)


def _arrivals(evidence: Evidence, arrivals: Sequence[Arrival]) -> Iterator[Violation]:
    """Compare what arrived with what was recorded: the n-th call of a message needs n attempts before it.

    Calls that came after the log was read are left out, where both tell the same time.
    """
    attempts = _by_message(evidence.log.of("notification.attempt_started.v1"))
    seen = [call for call in arrivals if evidence.timing.clock_moved or call.at <= evidence.log.now]
    for message_id, calls in grouped(seen, lambda arrival: arrival.message_id).items():
        started = attempts.get(message_id, [])
        for number, call in enumerate(sorted(calls, key=lambda call: call.at), start=1):
            where = f"{call.channel} {message_id} at {call.at.isoformat()}"
            if number > len(started):
                yield Violation("I6", f"call {number} arrived, and {len(started)} attempts are recorded", where)
            elif not evidence.timing.clock_moved and started[number - 1].recorded_at > call.at:
                yield Violation("I6", f"call {number} arrived before its attempt was recorded", where)
    taken = Counter(arrival.message_id for arrival in arrivals if arrival.outcome == "accepted")
    for message_id, accepted in _by_message(evidence.log.of("notification.attempt_accepted.v1")).items():
        if len(accepted) > taken[message_id]:
            sentence = (
                f"message {message_id} was accepted {len(accepted)} times, and the sinks took {taken[message_id]}"
            )
            yield Violation("I3", sentence, accepted[-1].where)


def _by_message(events: Sequence[Event]) -> Mapping[str, Sequence[Event]]:
    return grouped(events, lambda event: str(event.data["message_id"]))
