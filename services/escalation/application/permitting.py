"""Who may touch which episode. A person is authorised at its site before anything else is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.deciding import openings, subject_in
from services.escalation.domain import REFUSALS as DOMAIN_REFUSALS
from shared.contracts.base import stream_of
from shared.contracts.escalations import EscalationJoined
from shared.decider import Rejected
from shared.runtime.log import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from shared.contracts.base import Event
    from shared.contracts.envelope import Recorded
    from shared.contracts.escalations import EscalationOpened
    from shared.runtime.commands import Commands
    from shared.runtime.identity import Authority, Identity

REFUSALS: Mapping[str, str] = {
    **DOMAIN_REFUSALS,
    "escalation_unknown": "There is no escalation with this id; look it up in the list of escalations.",
    "worker_unknown": "Nobody is registered under the id of who confirmed it: give the id of somebody who is.",
    "question_unknown": "This task asks no such question: answer the ones that it lists, or leave the answer out.",
}
"""Code of a refusal to a sentence for the person who met it."""


@dataclass(frozen=True)
class Permitted:
    """The episode that a person may touch, and the versions of the grants that this rests on."""

    stream_id: str
    opened: EscalationOpened
    """With the worker whom it is about, where that was known only later."""
    guards: Mapping[str, int]
    history: Sequence[Recorded]
    """Of its stream, as it was read."""
    unreadable: int
    """Records of it that nothing can read."""
    now: datetime
    """The log's time of that."""


async def permit(
    commands: Commands, authority: Authority, operation: str, identity: Identity, escalation_id: str
) -> Permitted:
    """Return what this person may touch. Raises Rejected for an unknown episode, Forbidden.

    The worker whom it is about is told of none, whatever they ask: who looks over their shoulder would learn of it, and
    could tell duress from a missed check-in. Whoever may not look learns by no answer whether there is one.
    """
    subject = subject_in(escalation_id)
    stream_id = stream_of("escalation", subject)
    loaded = await commands.load([stream_id])
    stream = loaded[stream_id]
    for opened in openings(stream):
        if opened.escalation_id == escalation_id:
            allowed = await authority.authorise(identity, operation, opened.site_id)
            named = _named(opened, stream.events)
            if named.worker_id == identity.worker_id:
                raise Rejected("escalation_unknown")
            return Permitted(stream_id, named, allowed.guards, stream.history, stream.unreadable, loaded.now)
    site_id = await _site_of(commands, subject)
    if site_id is not None:
        await authority.authorise(identity, operation, site_id)
    raise Rejected("escalation_unknown")


def _named(opened: EscalationOpened, events: Sequence[Event]) -> EscalationOpened:
    """Return what opened an episode, with the worker whom a later trigger named."""
    for event in events:
        if isinstance(event, EscalationJoined) and event.escalation_id == opened.escalation_id and event.worker_id:
            return opened.model_copy(update={"worker_id": event.worker_id})
    return opened


async def _site_of(commands: Commands, subject: str) -> str | None:
    """Return the site of the visit or worker whose episode somebody asks for; None where there is neither."""
    streams = [stream_of(kind, subject) for kind in ("visit", "worker")]
    loaded = await load(commands.pool, streams, lenient=True)
    known = [recorded.envelope.site_id for stream_id in streams for recorded in loaded[stream_id].history]
    return next((site_id for site_id in known if site_id), None)
