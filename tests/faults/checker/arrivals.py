"""I3 and I6: what arrived outside was recorded before, for each notification that a call carried."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.checker.evidence import Arrival, Evidence
from tests.faults.checker.history import Event, Log, Violation, grouped

STARTED = "notification.attempt_started.v1"
ENTERED = "recipient.attempt_started.v1"


def call_of(started: Event) -> str:
    """Return the id under which an attempt went out: its bundle's, or its message's own."""
    return str(started.data.get("call_id") or started.data["message_id"])


def attempts_of(log: Log) -> Mapping[str, Mapping[str, Sequence[Event]]]:
    """Return the attempts by their call, and in it by their notification."""
    calls: defaultdict[str, defaultdict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for started in log.of(STARTED):
        calls[call_of(started)][started.data["notification_id"]].append(started)
    return calls


def judge_arrivals(evidence: Evidence) -> Iterator[Violation]:
    """Return calls that no attempt announced, and acceptances that no sink knows of.

    Calls that came after the log was read are left out, where both tell the same time.
    """
    if evidence.arrivals is None:
        return
    attempts = attempts_of(evidence.log)
    seen = [call for call in evidence.arrivals if evidence.timing.clock_moved or call.at <= evidence.log.now]
    for call_id, calls in grouped(seen, lambda arrival: arrival.message_id).items():
        recorded = attempts.get(call_id, {})
        for number, call in enumerate(sorted(calls, key=lambda call: call.at), start=1):
            for carried in call.notification_ids or tuple(recorded) or (None,):
                started = recorded.get(carried, ()) if carried is not None else ()
                yield from _announced(evidence, call, number, carried, started)
    yield from _accepted(
        evidence.log, Counter(one.message_id for one in evidence.arrivals if one.outcome == "accepted")
    )


def _announced(
    evidence: Evidence, call: Arrival, number: int, carried: str | None, started: Sequence[Event]
) -> Iterator[Violation]:
    """The n-th call needs n attempts before it, of each notification that it carried."""
    where = f"{call.channel} {call.message_id} at {call.at.isoformat()}"
    what = "" if carried is None else f" of {carried}"
    if number > len(started):
        yield Violation("I6", f"call {number}{what} arrived, and {len(started)} attempts are recorded", where)
    elif not evidence.timing.clock_moved and started[number - 1].recorded_at > call.at:
        yield Violation("I6", f"call {number}{what} arrived before its attempt was recorded", where)


def _accepted(log: Log, taken: Mapping[str, int]) -> Iterator[Violation]:
    """Compare what was recorded as accepted with what the sinks took, call by call and notification by notification."""
    calls = {(one.data["message_id"], one.data["attempt"]): call_of(one) for one in log.of(STARTED)}
    accepted = grouped(
        log.of("notification.attempt_accepted.v1"),
        lambda one: (calls.get((one.data["message_id"], one.data["attempt"]), ""), str(one.data["message_id"])),
    )
    for (call_id, message_id), found in accepted.items():
        if len(found) > taken.get(call_id, 0):
            sentence = (
                f"message {message_id} was accepted {len(found)} times, and the sinks took {taken.get(call_id, 0)}"
            )
            yield Violation("I3", sentence, found[-1].where)
