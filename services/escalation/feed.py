"""What escalation follows: what checkin says of visits and workers, replies that notifier received, and its own events.

Parses and calls; decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.escalation.application import Application, Triggered
from services.escalation.readmodel import applies
from shared.contracts.notifications import ReplyReceived
from shared.contracts.topics import ESCALATIONS, NOTIFICATIONS, VISITS
from shared.contracts.visits import CheckInMissed, VisitHelpRequested, WorkerHelpRequested
from shared.runtime.consumers import Reaction, ReadModel

if TYPE_CHECKING:
    from shared.contracts.envelope import Recorded
    from shared.runtime.log import By, Cause


def reactions(application: Application) -> list[Reaction]:
    """Return the one reaction: triggers raise, replies acknowledge."""

    async def trigger(recorded: Recorded, cause: Cause, by: By) -> None:
        await application.raise_escalation(triggered_by(recorded), cause, by)

    async def reply(recorded: Recorded, cause: Cause, by: By) -> None:
        await application.acknowledge_by_reply(cast("ReplyReceived", recorded.event), cause, by)

    answers = {
        CheckInMissed.type: trigger,
        VisitHelpRequested.type: trigger,
        WorkerHelpRequested.type: trigger,
        ReplyReceived.type: reply,
    }
    return [Reaction("escalation", (VISITS, NOTIFICATIONS), answers)]


def read_models(application: Application) -> list[ReadModel]:
    """Return the list of escalations with the table of links, whose codes follow from the keyring."""
    return [ReadModel("escalation", "escalation", (ESCALATIONS,), applies(application.keyring))]


def triggered_by(recorded: Recorded) -> Triggered:
    """Return what a trigger says. Raises TypeError for an event that is none."""
    event_id = recorded.envelope.event_id
    match recorded.event:
        case CheckInMissed() as missed:
            return Triggered(
                "check_in_missed",
                event_id,
                missed.worker_id,
                missed.site_id,
                missed.visit_id,
                missed.missed_at,
                missed.policy_id,
                missed.policy_version,
            )
        case VisitHelpRequested() as asked:
            return Triggered(
                "help",
                event_id,
                asked.worker_id,
                asked.site_id,
                asked.visit_id,
                None,
                asked.policy_id,
                asked.policy_version,
            )
        case WorkerHelpRequested() as asked:
            return Triggered("help", event_id, asked.worker_id, asked.site_id)
        case other:
            message = f"{other.type} is no trigger"
            raise TypeError(message)
