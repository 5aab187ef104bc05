"""What escalation compares of its own: the deadlines of the escalations that are open. Knows no rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.escalation.domain import ESCALATION
from shared.runtime.deadline_check import DeadlineCheck
from shared.runtime.self_checks import Check

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.runtime.service import Base

# The streams that have an open escalation, after one of them. Uses escalation_open (where ended_at is NULL).
OPEN = """
SELECT DISTINCT stream_id FROM escalation.escalation
WHERE ended_at IS NULL AND stream_id > $1 ORDER BY stream_id LIMIT $2
"""


def self_checks(base: Base, kinds: Collection[str]) -> Sequence[Check]:
    """Return the checks of escalation; ``kinds`` are those of its deadlines."""

    async def streams(after: str, most: int) -> Sequence[str]:
        return [row[0] for row in await base.pool.fetch(OPEN, after, most)]

    return [DeadlineCheck(base.commands, base.name, ESCALATION, kinds, streams).check]
