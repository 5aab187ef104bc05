"""I15: what is accepted is processed or parked; what is parked is kept, alarms within 10 s, and is settled once."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from tests.faults.checker.effects import CLOSES, owed
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.frozen import RAISED
from tests.faults.checker.history import PARKED, Event, Log, Violation, grouped
from tests.faults.checker.ladders import RAN_OUT
from tests.faults.checker.passing import HANDED_OVER
from tests.faults.checker.raised import TRIGGERS, raised_by
from tests.faults.checker.runs import EXHAUSTED, PASSED_ON, STEP

SETTLED = ("trouble.record_replayed.v1", "trouble.record_discarded.v1")

URGENT = {
    "escalation": frozenset(TRIGGERS),
    "notifier": frozenset(
        {STEP, PASSED_ON, HANDED_OVER, EXHAUSTED, RAN_OUT, *CLOSES, "escalation.joined.v1", "escalation.lapsed.v1"}
    ),
    "checkin": frozenset(CLOSES),
}
"""Consumer to the types that it never holds back behind another record: they tell somebody, or resume a watch."""


def judge_parked(evidence: Evidence) -> Iterator[Violation]:
    """Return records that were lost on their way, and parked ones that are not what they should be."""
    yield from _accounted(evidence)
    log = evidence.log
    rows = {row.columns["position"]: row.columns for row in log.rows}
    known: dict[str, Event] = {}
    for parked in log.of(PARKED):
        data = parked.data
        if data["parked_id"] in known:
            yield Violation("I15", f"{data['parked_id']} is parked twice", parked.where)
        row = rows.get(data["position"])
        if row is None or data["position"] >= parked.position or sha256(row["record"]).hexdigest() != data["sha256"]:
            yield Violation("I15", "the bytes of a parked record are not in the log before it", parked.where)
        elif (row["topic"], row["shard"], row["stream_id"]) != (data["topic"], data["shard"], data["record_stream_id"]):
            yield Violation("I15", "a parked record is not of the place that it names", parked.where)
        if data.get("behind") is not None:
            yield from _behind(known.get(data["behind"]), parked)
        elif not data["record_type"].startswith("trouble."):
            yield from _alarmed(evidence, parked)
        known.setdefault(data["parked_id"], parked)
    yield from _settled(log, known)


def _accounted(evidence: Evidence) -> Iterator[Violation]:
    """What a reaction has passed has its effect; what it has not passed is young."""
    log = evidence.log
    reached = {(one.consumer, one.topic, one.shard): one.position for one in log.applied}
    places = {row.columns["position"]: (row.columns["topic"], row.columns["shard"]) for row in log.rows}
    for debt in owed(evidence):
        passed = reached.get((debt.consumer, *places.get(debt.cause.position, ("", -1))))
        if passed is not None and passed >= debt.cause.position:
            sentence = f"{debt.consumer} has passed it without effect, and not parked it: {debt.sentence}"
            yield Violation("I15", sentence, debt.cause.where)
    shards = grouped(places, lambda position: places[position])
    for (consumer, topic, shard), passed in reached.items():
        waiting = next((place for place in shards.get((topic, shard), ()) if place > passed), None)
        first = None if waiting is None else log.at.get(waiting)
        if first is not None and not evidence.unsettled(first):
            yield Violation("I15", f"{consumer} has neither processed nor parked it", first.where)


def _behind(first: Event | None, parked: Event) -> Iterator[Violation]:
    """What waits behind a record waits for one of its own visit or stream, and nothing urgent waits."""
    data = parked.data
    if first is None or data["record_stream_id"] != first.data["record_stream_id"]:
        same_visit = first is not None and data["visit_id"] is not None and data["visit_id"] == first.data["visit_id"]
        if not same_visit:
            yield Violation("I15", "a record is parked behind another visit's, or behind nothing", parked.where)
    if data["record_type"] in URGENT.get(data["consumer"], ()):
        invariant = "I17" if "help_requested" in data["record_type"] else "I15"
        yield Violation(invariant, "what tells somebody is held back behind another record", parked.where)


def _alarmed(evidence: Evidence, parked: Event) -> Iterator[Violation]:
    """Look for the escalation that a wrong record raises: named by it, or of a trouble of its visit since then."""
    log, position = evidence.log, parked.data["position"]
    first = min(one.recorded_at for one in log.parked[position])
    found = [*raised_by(log).get(f"parked-{position}", ())]
    found += [
        one
        for one in log.of(*RAISED)
        if one.data["trigger"] in ("trouble", "system")
        and one.visit_id == parked.data["visit_id"]
        and one.recorded_at >= first
    ]
    at = min((one.recorded_at for one in found), default=None)
    if at is None and not evidence.unsettled(parked):
        yield Violation("I15", "a record was parked, and nobody is told", parked.where)
    if at is not None and evidence.timing.late(at, first):
        yield Violation("I15", "a record was parked, and the escalation came later than 10 s", parked.where)


def _settled(log: Log, known: dict[str, Event]) -> Iterator[Violation]:
    settled = set[str]()
    for event in log.of(*SETTLED, "trouble.record_mended.v1"):
        parked_id = event.data["parked_id"]
        if parked_id not in known or known[parked_id].position > event.position:
            yield Violation("I15", f"{parked_id} was never parked", event.where)
        if parked_id in settled:
            yield Violation("I15", f"{parked_id} was settled before", event.where)
        if event.type in SETTLED:
            settled.add(parked_id)
