"""What escalation follows: visits and workers, replies and what reached nobody, and the troubles of every service.

Parses and calls; decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import structlog

from services.escalation.application.reacting import lapse, not_reached, raise_escalation, raise_trouble
from services.escalation.application.triggering import COMES, VISIT_TRIGGERS, triggered_by
from services.escalation.application.troubling import TROUBLES, of_a_trouble, troubled_by
from services.escalation.readmodel import applies
from shared.contracts.notifications import NotReached, ReplyReceived
from shared.contracts.topics import AUDIT, ESCALATIONS, NOTIFICATIONS, VISITS
from shared.contracts.troubles import RecordParked
from shared.runtime.consumers import Reaction, ReadModel

if TYPE_CHECKING:
    from services.escalation.application import Application
    from shared.contracts.envelope import Recorded
    from shared.runtime.log import By, Cause

URGENT = frozenset(event.type for event in (*VISIT_TRIGGERS, *TROUBLES)) | {NotReached.type}
"""What tells somebody: never held back behind a parked record."""

log = structlog.get_logger()


def reactions(application: Application) -> list[Reaction]:
    """Return the one reaction: triggers and troubles raise, replies take a task or acknowledge, what came ends the waiting for it."""
    commands = application.commands

    async def trigger(recorded: Recorded, cause: Cause, by: By) -> None:
        await raise_escalation(commands, triggered_by(recorded), cause, by)

    async def trouble(recorded: Recorded, cause: Cause, by: By) -> None:
        event, troubled = recorded.event, troubled_by(recorded)
        if isinstance(event, RecordParked) and of_a_trouble(event.record_type):
            log.critical("trouble_parked", parked_id=event.parked_id, service=event.service, position=event.position)
        if troubled is None:
            await commands.move(cause, by)
        else:
            await raise_trouble(commands, troubled, cause, by)

    async def came(recorded: Recorded, cause: Cause, by: By) -> None:
        await lapse(commands, recorded, cast("str", recorded.envelope.visit_id), cause, by)

    async def told_nobody(recorded: Recorded, cause: Cause, by: By) -> None:
        await not_reached(commands, cast("NotReached", recorded.event), cause, by)

    async def reply(recorded: Recorded, cause: Cause, by: By) -> None:
        await application.act_by_reply(cast("ReplyReceived", recorded.event), cause, by)

    answers = {
        **{event.type: trigger for event in VISIT_TRIGGERS},
        **{event.type: trouble for event in TROUBLES},
        **{event.type: came for event in COMES},
        NotReached.type: told_nobody,
        ReplyReceived.type: reply,
    }
    return [Reaction("escalation", (VISITS, NOTIFICATIONS, AUDIT, ESCALATIONS), answers, urgent=URGENT)]


def read_models(application: Application) -> list[ReadModel]:
    """Return the list of escalations with the table of links, whose codes follow from the keyring."""
    return [ReadModel("escalation", "escalation", (ESCALATIONS,), applies(application.keyring))]
