"""What checkin compares of its own: the deadlines of the visits that are under way. Knows no rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.checkin.domain import VISIT
from shared.runtime.deadline_check import DeadlineCheck
from shared.runtime.self_checks import Check

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.runtime.service import Base

# The streams of visits that are started and not ended, after one of them. Uses visit_started (visit_id).
UNDER_WAY = """
SELECT 'visit-' || visit_id FROM checkin.visit
WHERE status = 'started' AND visit_id > substr($1, 7) ORDER BY visit_id LIMIT $2
"""


def self_checks(base: Base, kinds: Collection[str]) -> Sequence[Check]:
    """Return the checks of checkin; ``kinds`` are those of its deadlines."""

    async def streams(after: str, most: int) -> Sequence[str]:
        return [row[0] for row in await base.pool.fetch(UNDER_WAY, after, most)]

    return [DeadlineCheck(base.commands, base.name, VISIT, kinds, streams).check]
