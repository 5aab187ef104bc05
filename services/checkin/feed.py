"""What checkin follows: escalations that end, and its own visits for the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin import readmodel
from shared.contracts.escalations import EscalationResolved, EscalationStoodDown
from shared.contracts.topics import ESCALATIONS, VISITS
from shared.runtime.consumers import Reaction, ReadModel

if TYPE_CHECKING:
    from services.checkin.application import Application
    from shared.contracts.envelope import Recorded
    from shared.runtime.log import By, Cause


def reactions(application: Application) -> list[Reaction]:
    """Return the reactions of checkin."""

    async def escalation_ended(recorded: Recorded, cause: Cause, by: By) -> None:
        event = recorded.event
        assert isinstance(event, EscalationResolved | EscalationStoodDown)  # noqa: S101 -- the only types it is given
        await application.resume_watch(event.visit_id, event.escalation_id, cause, by)

    return [
        Reaction(
            consumer="checkin",
            topics=(ESCALATIONS,),
            answers={EscalationResolved.type: escalation_ended, EscalationStoodDown.type: escalation_ended},
            urgent=frozenset({EscalationResolved.type, EscalationStoodDown.type}),  # a watch that stays off is a danger
        )
    ]


def read_models() -> list[ReadModel]:
    """Return the read models of checkin."""
    return [ReadModel(name="visit", schema="checkin", topics=(VISITS,), applies=readmodel.APPLIES)]
