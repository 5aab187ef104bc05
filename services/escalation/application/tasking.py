"""Every command about a task that a person gives, by a page, a reply or the API.

A person is authorised at the site of the escalation before anything else is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.deciding import act, raising
from services.escalation.application.doing import Said, answered, raised_by, seal_once
from services.escalation.application.folding import account_of
from services.escalation.application.permitting import Permitted, permit
from services.escalation.application.reading import directory_of
from services.escalation.application.task_account import task_no
from services.escalation.domain import Command
from services.escalation.domain.task_commands import DoTask, GiveBackTask, HandOverTask, TakeTask, TaskNo, TaskResult
from shared.contracts.tasks import Via
from shared.decider import Rejected
from shared.runtime.commands import Commands, Handled
from shared.runtime.identity import Authority, Identity
from shared.runtime.sealing import Keyring

if TYPE_CHECKING:
    from datetime import datetime

    from shared.runtime.log import By, Cause
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class Tasking:
    """The commands about tasks. ``task`` is the name of one as it stands in addresses, whatever was sent."""

    commands: Commands
    keyring: Keyring
    authority: Authority

    async def take(self, caller: Caller, escalation_id: str, task: str, via: Via) -> Handled:
        """Let somebody take a task, or accept one that was handed to them. Raises Rejected, Forbidden."""
        permitted, no = await self._permit("take_task", caller.identity, escalation_id, task)

        def command(now: datetime) -> Command:
            return TakeTask(escalation_id, no, caller.identity.worker_id, via, now)

        return await act(self.commands, "take_task", permitted, command, caller.by, caller.outside, task=str(no))

    async def take_by_reply(
        self, identity: Identity, escalation_id: str, task: TaskNo, by: By, cause: Cause
    ) -> Handled:
        """Let a reply take the task that its notification offered. Raises Rejected, Forbidden."""
        permitted = await permit(self.commands, self.authority, "take_task", identity, escalation_id)

        def command(now: datetime) -> Command:
            return TakeTask(escalation_id, task, identity.worker_id, "reply", now)

        return await act(self.commands, "take_task", permitted, command, by, cause)

    async def hand_over(self, caller: Caller, escalation_id: str, task: str, to: str) -> Handled:
        """Let whoever holds a task ask somebody to take it over. Raises Rejected, Forbidden."""
        permitted, no = await self._permit("hand_over_task", caller.identity, escalation_id, task)
        directory = await directory_of(self.commands.pool, permitted.opened.site_id)

        def command(now: datetime) -> Command:
            return HandOverTask(escalation_id, no, caller.identity.worker_id, to, directory, now)

        return await act(self.commands, "hand_over_task", permitted, command, caller.by, caller.outside, task=str(no))

    async def give_back(self, caller: Caller, escalation_id: str, task: str) -> Handled:
        """Let whoever holds a task give it back. Raises Rejected, Forbidden."""
        permitted, no = await self._permit("give_back_task", caller.identity, escalation_id, task)
        directory = await directory_of(self.commands.pool, permitted.opened.site_id)

        def command(now: datetime) -> Command:
            return GiveBackTask(escalation_id, no, caller.identity.worker_id, directory, now)

        return await act(self.commands, "give_back_task", permitted, command, caller.by, caller.outside, task=str(no))

    async def do(self, caller: Caller, escalation_id: str, task: str, said: Said, via: Via) -> Handled:
        """Record what came of a task, and raise what its outcome raises. Raises Rejected, Forbidden."""
        permitted, no = await self._permit("do_task", caller.identity, escalation_id, task)
        account = account_of(permitted.opened, permitted.history, permitted.now)
        raises = await raised_by(self.commands, permitted, account, no, said.outcome)
        answers = answered(account, no, said, raises=raises is not None)
        directory = raises[2] if raises else await directory_of(self.commands.pool, permitted.opened.site_id)
        known = account.task(no)
        before = (known.done.reference, known.done.note) if known and known.done else (None, None)
        reference, note = [
            await seal_once(self.keyring, permitted.opened, text, sealed, needed=raises is None)
            for text, sealed in zip((said.reference, said.note), before, strict=True)
        ]
        result = TaskResult(said.outcome, answers, said.left_at, said.called_at, reference, note)

        def command(now: datetime) -> Command:
            return DoTask(
                escalation_id=escalation_id,
                task=no,
                by=caller.identity.worker_id,
                via=via,
                result=result,
                triggers_seen=said.triggers_seen,
                raised=raising(*raises, now) if raises else None,
                directory=directory,
                now=now,
            )

        return await act(self.commands, "do_task", permitted, command, caller.by, caller.outside, task=str(no))

    async def _permit(
        self, operation: str, identity: Identity, escalation_id: str, task: str
    ) -> tuple[Permitted, TaskNo]:
        permitted = await permit(self.commands, self.authority, operation, identity, escalation_id)
        no = task_no(task)
        if no is None:
            raise Rejected("task_unknown")
        return permitted, no
