"""One command on one escalation: fold what of it can be read, decide, write."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from services.escalation.domain import ESCALATION, Command, Raise
from shared.contracts.escalations import EscalationOpened
from shared.runtime.commands import Decided, Decision, write
from shared.runtime.log import Loaded, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from services.escalation.application.permitting import Permitted
    from services.escalation.application.reading import Rules
    from services.escalation.application.triggering import Triggered
    from services.escalation.domain import Directory
    from shared.runtime.commands import Commands, Handled
    from shared.runtime.log import By, Cause, Outside

NONE: Mapping[str, Any] = MappingProxyType({})
"""No guards, no answer."""


def openings(stream: Stream) -> list[EscalationOpened]:
    """Return what opened each episode of a stream, in order, as far as it can be read."""
    return [event for event in stream.events if isinstance(event, EscalationOpened)]


def newest(stream: Stream) -> EscalationOpened | None:
    """Return what opened the newest episode of a stream; None where nothing is known to have."""
    return next(reversed(openings(stream)), None)


def subject_in(escalation_id: str) -> str:
    """Return whom or what an episode is about, as the id of its stream says it."""
    return escalation_id.rpartition(".")[0]


def deciding(
    stream_id: str,
    command: Callable[[datetime], Command],
    about: EscalationOpened | Triggered | None,
    guards: Mapping[str, int] = NONE,
    answer: Mapping[str, Any] = NONE,
) -> Decision:
    """Return the decision of one command; ``command`` gets the log's time of each try.

    ``about`` says whose events these are; None where nothing is open, and then there are none.
    """

    def decide(loaded: Loaded) -> Decided:
        asked, stream = command(loaded.now), loaded[stream_id]
        one = write(
            ESCALATION,
            stream,
            lambda state: ESCALATION.decide(asked, replace(state, unreadable=stream.unreadable)),
            visit_id=about.visit_id if about else None,
            site_id=about.site_id if about else None,
        )
        return Decided([one], guards, answer)

    return decide


def raising(triggered: Triggered, rules: Rules, directory: Directory, now: datetime) -> Raise:
    """Return the command that a trigger is, with the ladder by which it runs and who can be told."""
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
        late=triggered.late,
        trouble=triggered.trouble,
    )


async def act(
    commands: Commands,
    operation: str,
    permitted: Permitted,
    command: Callable[[datetime], Command],
    by: By,
    origin: Outside | Cause,
    **answer: str,
) -> Handled:
    """Do what somebody may do with an episode. What they answered is its id, and ``answer``. Raises Rejected."""
    told = {"escalation_id": permitted.opened.escalation_id, **answer}
    decide = deciding(permitted.stream_id, command, permitted.opened, permitted.guards, told)
    return await commands.handle(operation, [permitted.stream_id], decide, by, origin)
