"""What happens to escalations without a person: triggers, troubles, what was awaited and came, and time.

Nothing defers a trigger: it needs no permission, no guard, and neither a policy nor a history that can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.escalation.application.deciding import deciding, newest, raising, subject_in
from services.escalation.application.reading import directory_of, not_reached_of, on_its_visit, rules_and_directory
from services.escalation.application.triggering import Triggered, came_by
from services.escalation.application.troubling import as_system
from services.escalation.domain import ESCALATION, Command, Lapse, PersonNotReached, command_for
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.escalations import SYSTEM
from shared.contracts.troubles import UNKNOWN_WORKER, Trouble
from shared.decider import Deadline
from shared.runtime.commands import Commands
from shared.runtime.consumers import NOT_THE_RECORDS
from shared.runtime.ids import new_id
from shared.runtime.log import By, Cause, Stream

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.envelope import Recorded
    from shared.contracts.notifications import NotReached
    from shared.runtime.deadlines import Due

log = structlog.get_logger()


async def raise_escalation(commands: Commands, triggered: Triggered, cause: Cause | None, by: By) -> None:
    """Open an escalation for a trigger, or let the trigger join the one that is open. Nothing guards it."""
    rules, directory = await rules_and_directory(commands.pool, triggered)

    def command(now: datetime) -> Command:
        return raising(triggered, rules, directory, now)

    stream_id = triggered.stream_id
    await commands.handle("raise", [stream_id], deciding(stream_id, command, triggered), by, cause)


async def raise_trouble(commands: Commands, triggered: Triggered, cause: Cause | None, by: By) -> None:
    """Raise a trouble on its visit; where that is impossible, or without a visit, on the operator's own ladder."""
    try:
        known: Triggered | None = triggered
        if triggered.visit_id is not None:
            known = await on_its_visit(commands.pool, triggered, triggered.visit_id)
        if known is None and cause is not None:
            await commands.move(cause, by)
        else:
            await raise_escalation(commands, known or triggered, cause, by)
    except NOT_THE_RECORDS:
        raise  # whoever called tries again, or somebody else was first
    except Exception:
        if triggered.trigger == "system":
            raise
        log.exception("trouble_not_raised_on_its_visit", stream=triggered.stream_id)
        await raise_escalation(commands, as_system(triggered), cause, by)


async def lapse(commands: Commands, recorded: Recorded, visit_id: str, cause: Cause, by: By) -> None:
    """Let an escalation end of itself where what came was all that it awaited."""
    stream_id = stream_of("escalation", visit_id)
    opened = newest(await _loaded(commands, stream_id))
    if opened is None:
        await commands.move(cause, by)
        return
    reason, moot = came_by(type(recorded.event))

    def command(now: datetime) -> Command:
        return Lapse(reason, moot, recorded.recorded_at, now)

    await commands.handle("lapse", [stream_id], deciding(stream_id, command, opened), by, cause)


async def not_reached(commands: Commands, event: NotReached, cause: Cause, by: By) -> None:
    """Let a task pass on, or the next step start, where this was the last person of a step who might have been told."""
    if event.kind not in {"step", "task"} or event.escalation_id is None:
        await commands.move(cause, by)
        return
    notification_id, stream_id = event.notification_id, stream_of("escalation", subject_in(event.escalation_id))
    stream = await _loaded(commands, stream_id)
    ladders, opened = ESCALATION.fold(stream.events).ladders, newest(stream)
    asked = next((run.asked for run in ladders if notification_id in run.asked), None)
    if asked is None or opened is None:  # the step is over
        await commands.move(cause, by)
        return
    unreached = await not_reached_of(commands.pool, asked)
    directory = await directory_of(commands.pool, opened.site_id)

    def command(now: datetime) -> Command:
        return PersonNotReached(notification_id, unreached | {notification_id}, directory, now)

    await commands.handle("not_reached", [stream_id], deciding(stream_id, command, opened), by, cause)


async def look_at_deadline(commands: Commands, due: Due) -> None:
    """Let the time of a ladder's next turn, or of an acknowledgement's end, take effect. Who is told is looked up now."""
    stream = await _loaded(commands, due.stream_id)
    by = By("system:escalation.clock", new_id())
    episode = int(due.subject.partition(".")[0])
    if stream.unreadable and ESCALATION.fold(stream.events).episode < episode:
        await raise_trouble(commands, _lost(stream, episode), None, by)
        return
    opened = newest(stream)
    directory = await directory_of(commands.pool, opened.site_id if opened else OPERATOR_SITE)
    deadline = Deadline(due.kind, due.subject, due.due_at)

    def command(now: datetime) -> Command:
        return command_for(deadline, directory, now)

    await commands.handle(due.kind, [due.stream_id], deciding(due.stream_id, command, opened), by)


async def _loaded(commands: Commands, stream_id: str) -> Stream:
    return (await commands.load([stream_id]))[stream_id]


def _lost(stream: Stream, episode: int) -> Triggered:
    """Return the trouble that an episode is open of which the opening cannot be read: another begins in its place."""
    trouble = Trouble(service="escalation", concern="record_parked", place=stream.stream_id)
    subject, event_id = stream.stream_id.partition("-")[2], f"lost-{episode}"
    if not stream.history or subject == SYSTEM:
        return Triggered("system", event_id, UNKNOWN_WORKER, OPERATOR_SITE, trouble=trouble)
    known = stream.history[-1].envelope
    worker_id = UNKNOWN_WORKER if known.visit_id else subject
    return Triggered("trouble", event_id, worker_id, known.site_id or OPERATOR_SITE, known.visit_id, trouble=trouble)
