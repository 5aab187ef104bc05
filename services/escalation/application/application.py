"""Every command of escalation that a person gives, by a page, a reply or the API; those about tasks are in ``tasking``.

A person is authorised at the site of the escalation before anything else is told. What happens without a person is
``reacting``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from services.escalation.application.deciding import act
from services.escalation.application.looking import Looking
from services.escalation.application.people import is_worker
from services.escalation.application.permitting import Permitted
from services.escalation.application.tasking import Tasking
from services.escalation.domain import Acknowledge, Command, Resolve, StandDown, task_asked_by, triggers_told_with
from shared.contracts.base import Sealed
from shared.decider import Rejected
from shared.runtime.commands import Handled
from shared.runtime.identity import Forbidden, Identity
from shared.runtime.log import By, Cause

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.notifications import ReplyReceived
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class Confirmed:
    """That the worker is safe: who confirmed it and how, and how many triggers whoever says it knew of."""

    by: str
    how: str
    note: str | None = None
    triggers_seen: int | None = None


@dataclass(frozen=True)
class Application(Looking):
    """The commands of escalation, and what people read of one."""

    @property
    def tasking(self) -> Tasking:
        """The commands about tasks."""
        return Tasking(self.commands, self.keyring, self.authority)

    async def act_by_reply(self, reply: ReplyReceived, cause: Cause, by: By) -> None:
        """Let a reply take the task that its notification offered, or else acknowledge.

        Where it may not, somebody else was first, or it is a test's, nothing follows.
        """
        escalation_id, recipient = reply.escalation_id or "", Identity(reply.recipient_id)
        by_recipient = replace(by, actor=reply.recipient_id)
        if reply.reply != "acknowledge":
            await self.commands.move(cause, by)
            return
        try:
            permitted = await self.permit("acknowledge", recipient, escalation_id)
            history = [recorded.event for recorded in permitted.history]
            if (task := task_asked_by(reply.notification_id, history)) is not None:
                await self.tasking.take_by_reply(recipient, escalation_id, task, by_recipient, cause)
                return
            seen = triggers_told_with(reply.notification_id, history)

            def command(now: datetime) -> Command:
                return Acknowledge(escalation_id, reply.recipient_id, "reply", seen, now)

            await act(self.commands, "acknowledge", permitted, command, by_recipient, cause)
        except (Rejected, Forbidden):
            await self.commands.move(cause, by)

    async def acknowledge(
        self, caller: Caller, escalation_id: str, via: Literal["page", "api"], triggers_seen: int | None = None
    ) -> Handled:
        """Let somebody take an escalation. Raises Rejected, Forbidden."""
        permitted = await self.permit("acknowledge", caller.identity, escalation_id)

        def command(now: datetime) -> Command:
            return Acknowledge(escalation_id, caller.identity.worker_id, via, triggers_seen, now)

        return await act(self.commands, "acknowledge", permitted, command, caller.by, caller.outside)

    async def resolve(self, caller: Caller, escalation_id: str, confirmed: Confirmed) -> Handled:
        """Record that the worker is safe: who confirmed it, and how. Raises Rejected, Forbidden."""
        permitted = await self.permit("resolve", caller.identity, escalation_id)
        worker_id, confirmed_by = caller.identity.worker_id, confirmed.by
        if confirmed_by != worker_id and not await is_worker(self.commands.pool, confirmed_by):
            raise Rejected("worker_unknown")
        sealed = await self._seal(permitted, confirmed.note)

        def command(now: datetime) -> Command:
            return Resolve(escalation_id, worker_id, confirmed_by, confirmed.how, sealed, confirmed.triggers_seen, now)

        return await act(self.commands, "resolve", permitted, command, caller.by, caller.outside)

    async def stand_down(
        self,
        caller: Caller,
        escalation_id: str,
        reason: str,
        note: str | None = None,
        triggers_seen: int | None = None,
    ) -> Handled:
        """Record a false alarm, and why. Raises Rejected, Forbidden."""
        permitted = await self.permit("stand_down", caller.identity, escalation_id)
        worker_id, sealed = caller.identity.worker_id, await self._seal(permitted, note)

        def command(now: datetime) -> Command:
            return StandDown(escalation_id, worker_id, reason, sealed, triggers_seen, now)

        return await act(self.commands, "stand_down", permitted, command, caller.by, caller.outside)

    async def _seal(self, permitted: Permitted, note: str | None) -> Sealed | None:
        return None if note is None else await self.keyring.seal(permitted.opened.worker_id, note)
