"""Who may touch which episode. A person is authorised at its site before anything else is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.deciding import openings, subject_in
from services.escalation.domain import REFUSALS as DOMAIN_REFUSALS
from shared.contracts.base import stream_of
from shared.decider import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.contracts.escalations import EscalationOpened
    from shared.runtime.commands import Commands
    from shared.runtime.identity import Authority, Identity

REFUSALS: Mapping[str, str] = {
    **DOMAIN_REFUSALS,
    "escalation_unknown": "There is no escalation with this id; look it up in the list of escalations.",
    "worker_unknown": "Nobody is registered under the id of who confirmed it: give the id of somebody who is.",
}
"""Code of a refusal to a sentence for the person who met it."""


@dataclass(frozen=True)
class Permitted:
    """The episode that a person may touch, and the versions of the grants that this rests on."""

    stream_id: str
    opened: EscalationOpened
    guards: Mapping[str, int]


async def permit(
    commands: Commands, authority: Authority, operation: str, identity: Identity, escalation_id: str
) -> Permitted:
    """Return what this person may touch. Raises Rejected for an unknown episode, Forbidden."""
    stream_id = stream_of("escalation", subject_in(escalation_id))
    stream = (await commands.load([stream_id]))[stream_id]
    for opened in openings(stream):
        if opened.escalation_id == escalation_id:
            allowed = await authority.authorise(identity, operation, opened.site_id)
            return Permitted(stream_id, opened, allowed.guards)
    raise Rejected("escalation_unknown")
