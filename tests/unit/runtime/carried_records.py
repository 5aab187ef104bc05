"""Records as they come by a topic, without a log: all of one stream."""

from __future__ import annotations

import orjson

from shared.contracts.audits import TimelineDisclosed
from shared.contracts.carried import Carried, Place
from shared.contracts.topics import AUDIT, shard_of

STREAM = "disclosure-1"
AT = "2026-03-02T09:00:00.000000Z"


def came(position: int, predecessor: int) -> Carried:
    """Return a sound record."""
    place = Place(position, shard_of(STREAM), "018f", predecessor)
    members = {
        "incarnation": place.incarnation,
        "position": position,
        "recorded_at": AT,
        "event_id": f"e{position}",
        "type": TimelineDisclosed.type,
        "topic": AUDIT,
        "shard": place.shard,
        "stream_id": STREAM,
        "version": position,
        "visit_id": None,
        "site_id": None,
        "correlation_id": "c1",
        "causation_id": None,
        "actor": "worker:w1",
        "release": "0.1.0",
        "occurred_at": AT,
        "data": TimelineDisclosed(subject_id="v1", to="w1", through=1).model_dump(mode="json"),
        "salt": "",
    }
    return Carried(AUDIT, place, TimelineDisclosed.type, f"e{position}", STREAM, orjson.dumps(members))
