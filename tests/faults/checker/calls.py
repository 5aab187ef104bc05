"""I6: no attempt of a step's notification is appended while an acknowledgement of its ladder holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Violation

WITHDRAWN = frozenset({"step", "exhausted"})
"""Kinds of notification that an acknowledgement stops; the others tell who knows already."""


def judge_calls(evidence: Evidence) -> Iterator[Violation]:
    """Return attempts that an acknowledgement should have stopped. It holds until it runs out or a new episode opens."""
    held: defaultdict[str, set[int]] = defaultdict(set)
    queued: dict[str, Mapping[str, Any]] = {}
    for event in evidence.log.events:
        if event.type == "escalation.acknowledged.v1":
            held[event.stream_id].update(event.data["ladders"])
        elif event.type in ("escalation.opened.v1", "escalation.acknowledgement_ran_out.v1"):
            held[event.stream_id].clear()
        elif event.type == "notification.queued.v1":
            queued[event.data["notification_id"]] = event.data
        elif event.type == "notification.attempt_started.v1":
            asked = queued.get(event.data["notification_id"])
            if asked is None:
                yield Violation("I6", "an attempt of a notification that was not queued", event.where)
            elif asked["kind"] in WITHDRAWN and asked["ladder_no"] in held[asked["asked_by"]]:
                yield Violation("I6", "an attempt although somebody has acknowledged", event.where)
