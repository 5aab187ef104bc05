"""Every command of escalation that a person gives, by a page, a reply or the API, and what they read of one.

A person is authorised at the site of the escalation before anything else is told. What happens without a person is
``reacting``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from services.escalation.application.account import Account, Plan
from services.escalation.application.deciding import deciding
from services.escalation.application.folding import account_of
from services.escalation.application.people import is_worker, name_of, plan_of
from services.escalation.application.permitting import Permitted, permit
from services.escalation.domain import Acknowledge, Command, Resolve, StandDown, triggers_told_with
from shared.contracts.base import Sealed
from shared.decider import Rejected
from shared.runtime.commands import Commands, Handled
from shared.runtime.identity import Authority, Forbidden, Identity
from shared.runtime.log import By, Cause, Outside
from shared.runtime.sealing import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable
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
class Application:
    """The commands of escalation, and what people read of one."""

    commands: Commands
    keyring: Keyring
    authority: Authority

    async def acknowledge_by_reply(self, reply: ReplyReceived, cause: Cause, by: By) -> None:
        """Let a reply acknowledge. Where it may not, somebody else was first, or it is a test's, nothing follows."""
        escalation_id, recipient_id = reply.escalation_id or "", reply.recipient_id
        if reply.reply != "acknowledge":
            await self.commands.move(cause, by)
            return
        try:
            permitted = await self.permit("acknowledge", Identity(recipient_id), escalation_id)
            stream = (await self.commands.load([permitted.stream_id]))[permitted.stream_id]
            seen = triggers_told_with(reply.notification_id, stream.events)
            await self._act(
                "acknowledge",
                permitted,
                lambda now: Acknowledge(escalation_id, recipient_id, "reply", seen, now),
                replace(by, actor=recipient_id),
                cause,
            )
        except (Rejected, Forbidden):
            await self.commands.move(cause, by)

    async def acknowledge(
        self, caller: Caller, escalation_id: str, via: Literal["page", "api"], triggers_seen: int | None = None
    ) -> Handled:
        """Let somebody take an escalation. Raises Rejected, Forbidden."""
        permitted = await self.permit("acknowledge", caller.identity, escalation_id)

        def command(now: datetime) -> Command:
            return Acknowledge(escalation_id, caller.identity.worker_id, via, triggers_seen, now)

        return await self._act("acknowledge", permitted, command, caller.by, caller.outside)

    async def resolve(self, caller: Caller, escalation_id: str, confirmed: Confirmed) -> Handled:
        """Record that the worker is safe: who confirmed it, and how. Raises Rejected, Forbidden."""
        permitted = await self.permit("resolve", caller.identity, escalation_id)
        worker_id, confirmed_by = caller.identity.worker_id, confirmed.by
        if confirmed_by != worker_id and not await is_worker(self.commands.pool, confirmed_by):
            raise Rejected("worker_unknown")
        sealed = await self._seal(permitted, confirmed.note)

        def command(now: datetime) -> Command:
            return Resolve(escalation_id, worker_id, confirmed_by, confirmed.how, sealed, confirmed.triggers_seen, now)

        return await self._act("resolve", permitted, command, caller.by, caller.outside)

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

        return await self._act("stand_down", permitted, command, caller.by, caller.outside)

    async def permit(self, operation: str, identity: Identity, escalation_id: str) -> Permitted:
        """Return what this person may touch. Raises Rejected for an unknown episode, Forbidden."""
        return await permit(self.commands, self.authority, operation, identity, escalation_id)

    async def read(self, identity: Identity, escalation_id: str) -> Account:
        """Return what happened in one episode so far. Raises Rejected, Forbidden."""
        permitted = await self.permit("read_escalation", identity, escalation_id)
        loaded = await self.commands.load([permitted.stream_id])
        return account_of(permitted.opened, loaded[permitted.stream_id].history, loaded.now)

    async def name_of(self, worker_id: str) -> str:
        """Return a person's name, for somebody who may read it."""
        return await name_of(self.commands.pool, self.keyring, worker_id)

    async def plan_of(self, account: Account) -> Plan:
        """Return where the worker was going and who can be rung there; nothing of it once the episode has ended."""
        return Plan() if account.ended else await plan_of(self.commands.pool, self.keyring, account.opened.visit_id)

    async def _seal(self, permitted: Permitted, note: str | None) -> Sealed | None:
        return None if note is None else await self.keyring.seal(permitted.opened.worker_id, note)

    async def _act(
        self,
        operation: str,
        permitted: Permitted,
        command: Callable[[datetime], Command],
        by: By,
        origin: Outside | Cause,
    ) -> Handled:
        answer = {"escalation_id": permitted.opened.escalation_id}
        decide = deciding(permitted.stream_id, command, permitted.opened, permitted.guards, answer)
        return await self.commands.handle(operation, [permitted.stream_id], decide, by, origin)
