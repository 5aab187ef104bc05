"""Which deadlines of a service fail, as its trouble streams say, whichever replica found out. Decides nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.contracts.envelope import Undecodable, decode
from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.contracts.troubles import DeadlineFailed
from shared.runtime.reading import failed
from shared.runtime.troubles import is_id
from shared.trouble import TROUBLE, FailDeadline, RecoverDeadline, TroubleState

if TYPE_CHECKING:
    from shared.runtime.deadlines import Due
    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

# What a service said of failing deadlines after a position. Uses event_trouble (position), where type is LIKE 'trouble.%'.
NEWS = """
SELECT position, record FROM log.event
WHERE topic = $1 AND position > $2 AND type LIKE 'trouble.%' AND type LIKE 'trouble.deadline%'
ORDER BY position LIMIT 1000
"""

# Whose a stream is: all its events say the same. Uses event_stream_version (stream_id, version).
WHOSE = "SELECT visit_id, site_id FROM log.event WHERE stream_id = $1 ORDER BY version LIMIT 1"


@dataclass
class Failing:
    """The deadlines that fail, folded from what the log says and kept up with it."""

    pool: Pool
    troubles: Troubles
    _state: TroubleState = field(default_factory=TroubleState)
    _position: int = 0

    async def refresh(self) -> None:
        """Read what is new. Raises what is in LOST."""
        for row in await self.pool.fetch(NEWS, TOPIC_OF_SERVICE[self.troubles.service], self._position):
            self._position = row["position"]
            try:
                self._state = TROUBLE.evolve(self._state, decode(row["record"]).event)
            except Undecodable:
                continue  # whoever follows this topic meets it and says so

    def knows(self, due: Due) -> bool:
        """Say whether a deadline is known to fail."""
        return (due.stream_id, due.kind, due.subject, due.due_at) in self._state.failing

    async def failed(self, due: Due, error: Exception) -> None:
        """Record that the command of a deadline failed, once. Raises what ``Commands.handle`` raises."""
        if self.knows(due):
            return
        visit_id, site_id = await self._whose(due.stream_id)
        why = failed(error)
        fact = DeadlineFailed(
            service=self.troubles.service,
            deadline_stream_id=due.stream_id,
            kind=due.kind,
            subject=due.subject,
            due_at=due.due_at,
            visit_id=visit_id,
            site_id=site_id,
            reason=why.reason,
            detail=why.detail,
        )
        await self.troubles.record(due.stream_id, FailDeadline(fact), visit_id=visit_id, site_id=site_id)

    async def recovered(self, due: Due) -> None:
        """Record that the command of a deadline that had failed succeeded. Raises what ``Commands.handle`` raises."""
        if not any(key[:3] == (due.stream_id, due.kind, due.subject) for key in self._state.failing):
            return
        visit_id, site_id = await self._whose(due.stream_id)
        command = RecoverDeadline(self.troubles.service, due.stream_id, due.kind, due.subject)
        await self.troubles.record(due.stream_id, command, visit_id=visit_id, site_id=site_id)

    async def _whose(self, stream_id: str) -> tuple[str | None, str | None]:
        row = await self.pool.fetchrow(WHOSE, stream_id)
        visit_id, site_id = (row["visit_id"], row["site_id"]) if row else (None, None)
        return visit_id if is_id(visit_id) else None, site_id if is_id(site_id) else None
