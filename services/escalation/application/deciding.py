"""One command on one escalation: fold, decide, write. And what happens without a person: triggers and deadlines."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from services.escalation.application.reading import Triggered, directory_of, rules_for
from services.escalation.domain import ESCALATION, Command, Raise, command_for
from shared.contracts.base import stream_of
from shared.contracts.escalations import EscalationOpened
from shared.decider import Deadline
from shared.runtime.commands import Commands, Decided, Decision, write
from shared.runtime.ids import new_id
from shared.runtime.log import By, Cause, Loaded, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from shared.runtime.deadlines import Due

NONE: Mapping[str, Any] = MappingProxyType({})
"""No guards, no answer."""


def openings(stream: Stream) -> list[EscalationOpened]:
    """Return what opened each episode of a stream, in order."""
    return [event for event in stream.events if isinstance(event, EscalationOpened)]


def deciding(
    stream_id: str,
    command: Callable[[datetime], Command],
    about: EscalationOpened | Triggered,
    guards: Mapping[str, int] = NONE,
    answer: Mapping[str, Any] = NONE,
) -> Decision:
    """Return the decision of one command; ``command`` gets the log's time of each try."""

    def decide(loaded: Loaded) -> Decided:
        asked = command(loaded.now)
        one = write(
            ESCALATION,
            loaded[stream_id],
            lambda state: ESCALATION.decide(asked, state),
            visit_id=about.visit_id,
            site_id=about.site_id,
        )
        return Decided([one], guards, answer)

    return decide


async def raise_escalation(commands: Commands, triggered: Triggered, cause: Cause, by: By) -> None:
    """Open an escalation for a trigger, or let the trigger join the one that is open. Nothing guards it."""
    stream_id = stream_of("escalation", triggered.visit_id or triggered.worker_id)
    rules = await rules_for(commands.pool, triggered)
    directory = await directory_of(commands.pool, triggered.site_id)

    def command(now: datetime) -> Command:
        return Raise(
            trigger=triggered.trigger,
            trigger_event_id=triggered.event_id,
            visit_id=triggered.visit_id,
            worker_id=triggered.worker_id,
            site_id=triggered.site_id,
            due_at=triggered.due_at,
            policy_id=rules.policy_id,
            policy_version=rules.policy_version,
            ladder=rules.ladder,
            directory=directory,
            now=now,
        )

    await commands.handle("raise", [stream_id], deciding(stream_id, command, triggered), by, cause)


async def look_at_deadline(commands: Commands, due: Due) -> None:
    """Let the time of a ladder's next turn, or of an acknowledgement's end, take effect. Who is told is looked up now."""
    stream = (await commands.load([due.stream_id]))[due.stream_id]
    opened = openings(stream)[-1]
    directory = await directory_of(commands.pool, opened.site_id)
    deadline = Deadline(due.kind, due.subject, due.due_at)

    def command(now: datetime) -> Command:
        return command_for(deadline, directory, now)

    by = By("system:escalation.clock", new_id())
    await commands.handle(due.kind, [due.stream_id], deciding(due.stream_id, command, opened), by)
