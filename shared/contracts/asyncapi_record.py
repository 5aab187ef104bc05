"""What integrators are told of every record: each header, and each member of the envelope. Words only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shared.contracts.topics import SHARDS

_POSITION = {"pattern": "^[0-9]{1,19}$"}

_INSTANT = {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"}

_SOMETHING = {"minLength": 1}

HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "content-type": ("Of the value; the others make it CloudEvents' binary mode.", {"const": "application/json"}),
        "ce_specversion": ("Version of CloudEvents.", {"const": "1.0"}),
        "ce_id": ("The event, by an id that is unique for good: `event_id` of the record.", _SOMETHING),
        "ce_source": (
            "The log and the service that publishes: `/lonewatch/<incarnation>/<service>`.",
            {"pattern": "^/lonewatch/[^/]+/[a-z]+$"},
        ),
        "ce_type": ("Type of the event: `type` of the record.", _SOMETHING),
        "ce_subject": ("The stream that the event belongs to: `stream_id` of the record.", _SOMETHING),
        "ce_time": ("When the log recorded it, in UTC: `recorded_at` of the record.", _INSTANT),
        "ce_partitionkey": ("The key of the message once more, as CloudEvents names it.", _SOMETHING),
        "ce_position": ("Place in the log: from 1, without gaps over all four topics together.", _POSITION),
        "ce_shard": (f"Shard, 0 to {SHARDS - 1}: records of one shard come in order.", {"pattern": "^[0-9]{1,2}$"}),
        "ce_incarnation": (
            "Which life of the log: after a restore another, whose positions mean other records.",
            _SOMETHING,
        ),
        "ce_predecessor": (
            "Position of the record before this one on the same topic and shard; 0 where there is none.",
            _POSITION,
        ),
        "correlation_id": (
            "`correlation_id` of the record, as the client that publishes it names that. Readers can do without.",
            {},
        ),
    }
)
"""Each header, what it says, and what its text looks like."""

OPTIONAL = frozenset({"correlation_id"})
"""Headers that a record is complete without."""

ENVELOPE: Mapping[str, str] = MappingProxyType(
    {
        "incarnation": "Which life of the log the record belongs to.",
        "position": "Place in the log: from 1, without gaps over all four topics together.",
        "recorded_at": "When the log recorded it, by the clock of its database; never before that of a lower position.",
        "event_id": "Unique for good.",
        "type": "What happened, and the version of its data's shape.",
        "topic": "The topic that carries it, whose owner wrote it.",
        "shard": f"0 to {SHARDS - 1}: the first 8 bytes of the SHA-256 of the visit's id (else of the stream's), modulo {SHARDS}.",
        "stream_id": "The thing that the event is about, as `visit-018f…`: its kind, a hyphen, its id.",
        "version": "Place in its stream, from 1, without gaps.",
        "visit_id": "The visit it belongs to; null where there is none.",
        "site_id": "The site it belongs to; null where there is none.",
        "correlation_id": "What all that followed from one request has in common.",
        "causation_id": "The event that this one answers; null where it answers none.",
        "actor": "Who did it: a worker, or a part of the system.",
        "release": "The release of Lonewatch that decided it.",
        "occurred_at": "When it happened, as somebody says and nobody can check; without a claim, when it was decided.",
        "data": "What the type says; text about people is sealed.",
        "salt": "Random, so that the hash of a record tells nothing about it.",
    }
)
"""Each member of the envelope and what it is for."""
