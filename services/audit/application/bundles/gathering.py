"""Gather what a bundle holds: the records of a visit, and those that it cannot be understood without. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.audit.domain import Unreadable, concerned, people_in, view
from services.audit.domain.bundling import MOST_RECORDS, policies_in
from services.audit.records import records_of_type, records_of_visit
from shared.contracts.base import stream_of
from shared.contracts.envelope import Undecodable, decode
from shared.contracts.visits import PolicyAdopted, WorkerRegistered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from services.audit.domain import View
    from services.audit.domain.bundling import Bundled
    from shared.contracts.envelope import Recorded
    from shared.runtime.postgres import Pool


@dataclass(frozen=True)
class Gathered:
    """What a bundle is made of."""

    records: tuple[Bundled, ...]
    """In the order of their positions."""
    decoded: tuple[Recorded, ...]
    """Those of them that this release reads."""
    seen: View
    """The timeline of the visit."""
    workers: frozenset[str]
    """Whom the visit's events name as its worker."""

    @property
    def people(self) -> dict[str, Recorded]:
        """By worker id, the event that names somebody whom the timeline speaks of: their last one."""
        found = ((recorded, recorded.event) for recorded in self.decoded)
        return {event.worker_id: recorded for recorded, event in found if isinstance(event, WorkerRegistered)}

    @property
    def policies(self) -> list[tuple[Recorded, PolicyAdopted]]:
        """The versions of policies that the visit went by."""
        found = ((recorded, recorded.event) for recorded in self.decoded)
        return [(recorded, event) for recorded, event in found if isinstance(event, PolicyAdopted)]


async def gather(pool: Pool, visit_id: str, now: datetime) -> Gathered:
    """Return what a bundle of a visit is made of, as known at ``now``; of more than MOST_RECORDS, one more than that."""
    of_visit = await records_of_visit(pool, visit_id, MOST_RECORDS + 1)
    events, unreadable = _decoded(of_visit)
    seen = view(events, unreadable, now, None)
    workers = concerned(recorded.event for recorded in events)
    people = {*people_in(seen.told), *workers}
    named = await records_of_type(pool, _streams("worker", people), WorkerRegistered.type, "person")
    wanted = policies_in(recorded.event for recorded in events)
    streams = _streams("policy", {policy_id for policy_id, _ in wanted})
    adopted = [
        record
        for record in await records_of_type(pool, streams, PolicyAdopted.type, "policy")
        for recorded in _decoded([record])[0]
        if (getattr(recorded.event, "policy_id", ""), getattr(recorded.event, "policy_version", 0)) in wanted
    ]
    known = {record.position for record in of_visit}
    records = [*of_visit, *(record for record in (*named, *adopted) if record.position not in known)]
    records.sort(key=lambda record: record.position)
    return Gathered(tuple(records), _decoded(records)[0], seen, workers)


def _streams(kind: str, ids: Iterable[str]) -> list[str]:
    return [stream_of(kind, subject_id) for subject_id in sorted(ids)]


def _decoded(records: Sequence[Bundled]) -> tuple[tuple[Recorded, ...], tuple[Unreadable, ...]]:
    events, unreadable = [], []
    for record in records:
        try:
            events.append(decode(record.record))
        except Undecodable:
            unreadable.append(Unreadable(record.position, record.type))
    return tuple(events), tuple(unreadable)
