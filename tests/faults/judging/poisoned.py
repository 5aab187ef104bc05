"""A record that nobody can read, put behind the healthy story, and what is said and done about it. Judges nothing."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from tests.faults.made_up import HEALTHY, Fact, Story, raised, sent, step

POISON = b"a check-in was missed, roughly"
POISONED = Fact("poison", 177, "visit-v9", "visit.check_in_missed.v1", visit_id="v9", record=POISON)
PLACE = len(HEALTHY) + 1
"""The position of the poison: it comes after the whole story."""

SHARD = int.from_bytes(sha256(b"v9").digest()[:8], "big") % 64


def parked(name: str = "parked", minutes: float = 177.05, consumer: str = "escalation", **more: Any) -> Fact:
    """Return that a consumer has set the poison aside."""
    service = consumer.partition(".")[0]
    data = {
        "service": service,
        "parked_id": f"{consumer}.{PLACE}",
        "consumer": consumer,
        "topic": "lonewatch.visits.v1",
        "shard": SHARD,
        "position": PLACE,
        "record_type": "visit.check_in_missed.v1",
        "record_stream_id": "visit-v9",
        "visit_id": "v9",
        "site_id": "s1",
        "reason": "undecodable",
        "detail": "whole: json_invalid",
        "sha256": sha256(POISON).hexdigest(),
        "behind": None,
    }
    stream = f"{service}_trouble-v9"
    return Fact(name, minutes, stream, "trouble.record_parked.v1", {**data, **more}, "poison", visit_id="v9")


def alarm(minutes: float = 177.1, **more: Any) -> Story:
    """Return the escalation of the visit, by the record that is parked."""
    opened = raised("opened-9", minutes, f"parked-{PLACE}", "v9.1")
    data = {**opened.data, "trigger": "trouble", **more}
    return (
        Fact("opened-9", minutes, opened.stream_id, opened.type, data, "parked", visit_id="v9"),
        step("step-9", minutes, "v9.1", 1, 300),
    )


def settled(name: str, minutes: float, kind: str, parked_id: str = f"escalation.{PLACE}") -> Fact:
    """Return what somebody did about the parked record."""
    data = {"parked_id": parked_id, "by": "anna"}
    return Fact(name, minutes, "escalation_trouble-v9", f"trouble.record_{kind}.v1", data, visit_id="v9")


NEXT = PLACE + 1
FOLLOWS = sent("next", 177.01, "visit-v9", "late_check_in_recorded", missed_due_at="2026-03-02T09:00:00Z")
BEHIND = parked(
    "behind",
    177.06,
    parked_id=f"escalation.{NEXT}",
    position=NEXT,
    record_type="visit.late_check_in_recorded.v1",
    behind=f"escalation.{PLACE}",
)

ELSEWHERE = replace(BEHIND, data={**BEHIND.data, "visit_id": "v2", "record_stream_id": "visit-v2"})
READ_MODEL = parked("parked-list", 177.06, "checkin.visit")
OPEN = "INSERT INTO log.deadline VALUES ('escalation-v9', 'step', '', 'made-up', 'infinity')"
