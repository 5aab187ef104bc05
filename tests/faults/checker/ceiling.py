"""I8: calls per person and channel are bounded, whatever crashes and goes again; the first attempt never is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from tests.faults.checker.arrivals import ENTERED, STARTED, call_of
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Log, Violation, grouped, instant

MOST = 34
"""Calls of one person on one channel in any ``SPAN``."""

ATTEMPTS = 20
"""Attempts of one message."""

SPAN = timedelta(seconds=60)

UNDER_WAY = timedelta(seconds=22)
"""How long after its start a call may arrive: a process that was stopped gives up after 12 s, a channel after 10 s more.
So what arrives in a span shorter than ``SPAN`` by this was started within one ``SPAN``."""

BUNDLE, DIGITS = "bundle-", 40
"""How the id of a call that carries several messages begins, and how many hexadecimal digits of their hash follow."""

REACHED = "notification.not_reached.v1"
WITHDRAWN = "notification.withdrawn.v1"


def judge_ceiling(evidence: Evidence) -> Iterator[Violation]:
    """Return calls above the ceiling, first attempts that did not come, and calls that are not what they were."""
    log = evidence.log
    entries = log.of(ENTERED)
    for person, found in grouped(entries, lambda one: (one.data["recipient_id"], one.data["channel"])).items():
        yield from _crowded([_started_at(one) for one in found], SPAN, f"{person[0]} by {person[1]}")
    yield from _arrived(evidence, entries)
    yield from _firsts(evidence)
    for message_id, attempts in grouped(log.of(STARTED), lambda one: str(one.data["message_id"])).items():
        if len(attempts) > ATTEMPTS:
            yield Violation("I8", f"{message_id} was attempted {len(attempts)} times", attempts[-1].where)
    yield from _entered(log)
    yield from _same_set(entries)
    yield from _named(log)


def _started_at(entry: Event) -> datetime:
    given = entry.data.get("started_at")
    return entry.recorded_at if given is None else instant(given)


def _crowded(times: Sequence[datetime], span: timedelta, whom: str) -> Iterator[Violation]:
    """Look for more calls than may be in any span; one violation is enough for one person."""
    ordered = sorted(times)
    for first, beyond in zip(ordered, ordered[MOST:], strict=False):
        if beyond - first < span:
            sentence = f"more than {MOST} calls within {span.total_seconds():.0f} s"
            yield Violation("I8", sentence, f"{whom} from {first.isoformat()}")
            return


def _arrived(evidence: Evidence, entries: Sequence[Event]) -> Iterator[Violation]:
    """The same by what the sinks saw, for whoever was called according to the log.

    Nothing is said where the log's time was moved: hours of it may pass in a second of the sinks' own.
    """
    if evidence.timing.clock_moved:
        return
    persons = {one.data["message_id"]: (one.data["recipient_id"], one.data["channel"]) for one in entries}
    calls = [call for call in evidence.arrivals or () if call.message_id in persons]
    for person, found in grouped(calls, lambda call: persons[call.message_id]).items():
        yield from _crowded([call.at for call in found], SPAN - UNDER_WAY, f"arrived at {person[0]} by {person[1]}")


def _firsts(evidence: Evidence) -> Iterator[Violation]:
    """Each message of a notification has an attempt within 10 s, or the notification an end."""
    log = evidence.log
    ends: dict[str, Event] = {}
    for event in reversed(log.of(WITHDRAWN, REACHED)):
        ends[event.data["notification_id"]] = event
    firsts: dict[str, Event] = {}
    for event in reversed(log.of(STARTED)):
        firsts[event.data["message_id"]] = event
    for queued in log.of("notification.queued.v1"):
        end = ends.get(queued.data["notification_id"])
        for message in queued.data["messages"]:
            came = [one for one in (firsts.get(message["message_id"]), end) if one is not None]
            at = min((one.recorded_at for one in came), default=None)
            if evidence.timing.late(evidence.log.now if at is None else at, queued.recorded_at):
                missing = (
                    "did not come"
                    if at is None
                    else f"came late, after {(at - queued.recorded_at).total_seconds():.1f} s"
                )
                yield Violation("I8", f"the first attempt of {message['message_id']} {missing}", queued.where)


def _entered(log: Log) -> Iterator[Violation]:
    """What reaches a person stands in their own stream, once for each call: else nothing bounds it."""
    started = Counter((call_of(one), str(one.data["notification_id"])) for one in log.of(STARTED))
    entered = Counter(
        (one.data["message_id"], each) for one in log.of(ENTERED) for each in one.data["notification_ids"]
    )
    for call, notification_id in sorted(started.keys() | entered.keys()):
        times, known = started[call, notification_id], entered[call, notification_id]
        if times != known:
            sentence = f"{notification_id} was attempted {times} times, and {known} are in the stream of the person"
            yield Violation("I8", sentence, f"call {call}")


def _same_set(entries: Sequence[Event]) -> Iterator[Violation]:
    """A call that goes again under its id carries what it carried: whoever drops repeats by the id loses nothing."""
    carried: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
    for entry in entries:
        carried[entry.data["message_id"]].add(frozenset(entry.data["notification_ids"]))
        if len(carried[entry.data["message_id"]]) > 1:
            yield Violation("I8", "a call went again under its id with something else in it", entry.where)


def _named(log: Log) -> Iterator[Violation]:
    """The id of a bundle follows from its messages, so that the same set goes under the same id after any crash."""
    for call, attempts in grouped(log.of(STARTED), call_of).items():
        messages = sorted({str(one.data["message_id"]) for one in attempts})
        named = BUNDLE + sha256(" ".join(messages).encode()).hexdigest()[:DIGITS]
        if call.startswith(BUNDLE) and call != named:
            yield Violation("I8", f"{call} is not the id of what it carries", attempts[-1].where)
