"""Hand out the bundle of a visit: authorise, wait until the tree has it, record that it is handed out, put it together.

Never to the worker of the visit: it holds what their own timeline keeps from whoever looks over their shoulder.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from services.audit.application.bundles.gathering import gather
from services.audit.application.bundles.opening import Opening
from services.audit.application.bundles.packing import packed
from services.audit.application.bundles.proving import Tree
from services.audit.application.bundles.putting_together import files_of
from services.audit.domain import shown, site_of
from services.audit.domain.bundling import MOST_RECORDS
from shared.contracts.visits import WorkerRegistered
from shared.decider import Rejected
from shared.runtime.clock import monotonic, pause
from shared.runtime.identity import Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.audit.application import Application
    from services.audit.application.bundles.gathering import Gathered
    from services.audit.application.bundles.opening import Field
    from services.audit.application.bundles.proving import Proven
    from services.audit.tiles.folder import Folder
    from shared.contracts.base import Sealed
    from shared.runtime.identity import Identity

EXPORT = "export_bundle"

COVERED_WITHIN = 5.0
"""Seconds for the tree to take the visit's last record: five times its rhythm, and within what a request is waited for."""

_LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Bundles:
    """Makes bundles of visits."""

    application: Application
    published: Folder | None
    """The tree; None where none is kept."""

    async def of_visit(self, reader: Identity, visit_id: str) -> bytes:
        """Return the bundle of a visit as a zip.

        Raises Rejected (``visit_unknown``, ``tree_unknown``, ``tree_behind``, ``bundle_too_large``), Forbidden, and what the log raises.
        """
        loaded = await self.application.commands.load([])
        gathered = await gather(self.application.pool, visit_id, loaded.now)
        if reader.worker_id in gathered.workers:
            raise Forbidden(EXPORT)
        site_id = site_of(gathered.seen.events)
        if site_id is None:
            raise Rejected("visit_unknown")
        allowed = await self.application.authority.authorise(reader, EXPORT, site_id)
        if len(gathered.records) > MOST_RECORDS:
            raise Rejected("bundle_too_large")
        if self.published is None:
            raise Rejected("tree_unknown")
        proven = await _covering(Tree(self.published.path), gathered)
        through = gathered.seen.through
        await self.application.disclose(reader, allowed, through, visit_id, site_id, visit_id=visit_id, what="bundle")
        # A crash here leaves a disclosure without a bundle: more was recorded than was handed out, never less.
        opening = Opening(self.application.keyring)
        told = await _told(gathered, opening, visit_id)
        made_for = {"made_for": reader.worker_id, "visit_id": visit_id, "site_id": site_id}
        return await asyncio.to_thread(lambda: packed(files_of(told, gathered, proven, opening.keys_file(), made_for)))


async def _covering(tree: Tree, gathered: Gathered) -> Proven:
    """Return what the tree proves of these records, as soon as its checkpoint has the last of them."""
    until = monotonic() + COVERED_WITHIN
    while True:
        proven = await asyncio.to_thread(partial(tree.prove, gathered.records))
        if proven is not None:
            return proven
        if monotonic() > until:
            raise Rejected("tree_behind")
        await pause(_LOOK_EVERY)


async def _told(gathered: Gathered, opening: Opening, visit_id: str) -> Mapping[str, Any]:
    """Return the timeline as it is answered; each text and each name in it is opened by a key that is disclosed."""
    await opening.disclose(_texts(gathered))
    people: dict[str, str] = {}
    for worker_id, recorded in sorted(gathered.people.items()):
        if isinstance(recorded.event, WorkerRegistered):
            await opening.disclose([((recorded.position, "name"), recorded.event.name)])
            people[worker_id] = opening.texts[recorded.position, "name"]
    told = shown(gathered.seen.told, {"visit_id": visit_id}, people, opening.texts)
    return {**told, "unreadable": list(gathered.seen.unreadable)}


def _texts(gathered: Gathered) -> Iterator[tuple[Field, Sealed]]:
    """Yield the sealed fields that whoever reads the timeline reads open."""
    for line in gathered.seen.told.lines:
        for name, sealed in line.sealed.items():
            yield (line.position or 0, name), sealed
