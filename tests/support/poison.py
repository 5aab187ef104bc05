"""Records that nobody can read or that lie about themselves, put into a running log as no program of ours could.

Only a superuser can: the log's own function composes what it stores. Knows the wire; judges nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import asyncpg

Members = dict[str, Any]
Spoil = Callable[[Members], bytes]

# As the log's own append does it: one lock orders all.
LOCK = "SELECT position FROM log.head FOR UPDATE"
INSERT = """
INSERT INTO log.event (
    position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, record
)
SELECT $1, $2, log.shard(coalesce($3, $4)), $4,
    coalesce((SELECT max(version) FROM log.event WHERE stream_id = $4), 0) + 1,
    $5, $3, $6, $7, 'poison', NULL, 'poison', $8, clock_timestamp(), greatest(h.recorded_at, clock_timestamp()), $9
FROM log.head h
"""
MOVE = "UPDATE log.head SET position = $1, recorded_at = greatest(recorded_at, clock_timestamp())"


@dataclass(frozen=True)
class Poison:
    """One record that was put into the log: what is wrong with it, and whose it is."""

    kind: str
    position: int
    visit_id: str


def text(members: Any) -> bytes:
    """Return JSON as our programs write it."""
    return json.dumps(members).encode()


def changed(**change: Any) -> Spoil:
    """Return a record with these members instead."""
    return lambda members: text({**members, **change})


def with_data(**change: Any) -> Spoil:
    """Return a record with these members of its data instead."""
    return lambda members: text({**members, "data": {**members["data"], **change}})


def without(name: str) -> Spoil:
    """Return a record that lacks a member."""
    return lambda members: text({key: value for key, value in members.items() if key != name})


KINDS: Mapping[str, Spoil] = MappingProxyType(
    {
        "empty": lambda _: b"",
        "not UTF-8": lambda _: b"\xff\xfe\x00\x80 not a text",
        "not JSON": lambda _: b"a check-in was missed, roughly",
        "cut off": lambda members: text(members)[:-40],
        "null": lambda _: b"null",
        "a list": lambda members: text([members]),
        "a number of a thousand digits": lambda _: b"9" * 1000,
        "a hundred thousand brackets": lambda _: b"[" * 100_000,
        "not a number": lambda members: text(members).replace(b'"version": 1', b'"version": NaN'),
        "a megabyte of nothing": lambda _: b" " * 1024 * 1024,
        "no data": without("data"),
        "no event id": without("event_id"),
        "data is a text": changed(data="missed"),
        "data is empty": changed(data={}),
        "an instant that is none": with_data(due_at="soon"),
        "an id that is an address": with_data(visit_id="../../etc"),
        "a text with NUL": with_data(worker_id="ada\x00"),
        "a type that nobody knows": changed(type="visit.teleported.v1"),
        "of a later release": changed(type="visit.teleported.v2", release="99.0.0"),
        "another position": lambda members: text({**members, "position": members["position"] + 7}),
        "another visit's": changed(visit_id="somebody-else", stream_id="visit-somebody-else"),
    }
)
"""Twenty-one ways to be unreadable, or not to be what the row says; each makes the bytes from a sound record's members."""


def shard_of(visit_id: str) -> int:
    """Return the shard of a visit: the first 8 bytes of SHA-256, modulo 64."""
    return int.from_bytes(sha256(visit_id.encode()).digest()[:8], "big") % 64


def visit_in(shard: int) -> str:
    """Return the id of a visit that nobody planned, of one shard."""
    return next(visit for visit in _ids() if shard_of(visit) == shard)


def _ids() -> Iterator[str]:
    while True:
        yield f"poison-{secrets.token_hex(8)}"


async def put(admin: asyncpg.Connection[asyncpg.Record], kind: str, visit_id: str, site_id: str) -> Poison:
    """Put one poisoned miss of a visit at the end of the log, and so at the head of what its shard's readers have before them."""
    async with admin.transaction():
        position = 1 + await admin.fetchval(LOCK)
        event_id = secrets.token_hex(16)
        members = _sound(position, event_id, visit_id, site_id)
        record = KINDS[kind](members)
        release = "99.0.0" if kind == "of a later release" else "0.1.0"
        type_ = "visit.check_in_missed.v1"
        row = (
            position,
            "lonewatch.visits.v1",
            visit_id,
            f"visit-{visit_id}",
            type_,
            site_id,
            event_id,
            release,
            record,
        )
        await admin.execute(INSERT, *row)
        await admin.execute(MOVE, position)
    return Poison(kind, position, visit_id)


def _sound(position: int, event_id: str, visit_id: str, site_id: str) -> Members:
    at = "2026-11-23T12:00:00.000000Z"
    return {
        "incarnation": "00000000-0000-0000-0000-000000000000",
        "position": position,
        "recorded_at": at,
        "event_id": event_id,
        "type": "visit.check_in_missed.v1",
        "topic": "lonewatch.visits.v1",
        "shard": shard_of(visit_id),
        "stream_id": f"visit-{visit_id}",
        "version": 1,
        "visit_id": visit_id,
        "site_id": site_id,
        "correlation_id": "poison",
        "causation_id": None,
        "actor": "poison",
        "release": "0.1.0",
        "occurred_at": at,
        "data": {
            "visit_id": visit_id,
            "worker_id": "ada",
            "site_id": site_id,
            "due_at": at,
            "missed_at": at,
            "detected_at": at,
            "policy_id": "nobodys",
            "policy_version": 1,
        },
        "salt": "AAAA",
    }
