"""What a person may read of an escalation. A person is authorised at its site before anything else is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.escalation.application.account import Account
from services.escalation.application.briefing import Briefing, briefing_of
from services.escalation.application.folding import account_of
from services.escalation.application.people import Plan, names_of, plan_of
from services.escalation.application.permitting import Permitted, permit
from services.escalation.application.reading import clauses_of, directory_of
from services.escalation.application.task_account import TaskAccount
from shared.runtime.commands import Commands
from shared.runtime.identity import Authority, Identity
from shared.runtime.sealing import Keyring

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True)
class Looking:
    """What people read of an escalation, and what its reading rests on."""

    commands: Commands
    keyring: Keyring
    authority: Authority

    async def permit(self, operation: str, identity: Identity, escalation_id: str) -> Permitted:
        """Return what this person may touch. Raises Rejected for an unknown episode, Forbidden."""
        return await permit(self.commands, self.authority, operation, identity, escalation_id)

    async def read(self, identity: Identity, escalation_id: str) -> Account:
        """Return what happened in one episode so far. Raises Rejected, Forbidden."""
        permitted = await self.permit("read_escalation", identity, escalation_id)
        return account_of(permitted.opened, permitted.history, permitted.now)

    async def names_of(self, worker_ids: Collection[str]) -> Mapping[str, str]:
        """Return people's names, for somebody who may read them."""
        return await names_of(self.commands.pool, self.keyring, worker_ids)

    async def plan_of(self, account: Account) -> Plan:
        """Return where the worker was going and who can be rung there; nothing of it once the episode has ended."""
        return Plan() if account.ended else await plan_of(self.commands.pool, self.keyring, account.opened.visit_id)

    async def briefing_of(self, account: Account, task: TaskAccount, identity: Identity) -> Briefing:
        """Return what a task takes, to whoever holds it; nothing of it to anybody else."""
        holds = task.state == "taken" and task.holder == identity.worker_id
        return await briefing_of(self.commands.pool, self.keyring, account, task) if holds else Briefing()

    async def clauses_of(self, account: Account) -> Mapping[str, str]:
        """Return in a few words what the clauses say that the steps cite, as far as the policy can be read."""
        return await clauses_of(self.commands.pool, account.opened.policy_id, account.opened.policy_version)

    async def others_than(self, identity: Identity, account: Account) -> tuple[str, ...]:
        """Return who may act on an escalation beside this person."""
        directory = await directory_of(self.commands.pool, account.opened.site_id)
        return tuple(who for who in directory.everyone if who not in {identity.worker_id, account.opened.worker_id})
