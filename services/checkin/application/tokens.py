"""Bearer tokens: issued to a person, and revoked when a phone is lost. Raises Forbidden and Rejected.

The log has ids of tokens; what a token stands for is in the keys database, changed after the log and never before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.people import People
from services.checkin.domain import WORKER, IssueToken, RevokeToken
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.grants import fold_grants
from shared.runtime.ids import new_id, new_token

if TYPE_CHECKING:
    from shared.runtime.commands import Handled
    from shared.runtime.identity import Allowed
    from shared.runtime.web import Caller


class Tokens(People):
    """The tokens of persons. Those of whoever holds a role at the operator are a matter of the operator's."""

    async def issue_token(self, caller: Caller, worker_id: str) -> tuple[Handled, str | None]:
        """Issue a bearer token to a person; None for a repeat, which cannot show the first one's token again."""
        allowed = await self._authorise("issue_token", caller, worker_id)
        token_id, token = new_id(), new_token()
        handled = await self._on_worker(
            "issue_token",
            caller,
            worker_id,
            lambda now: IssueToken(token_id, now),
            allowed.guards,
            {"token_id": token_id},
        )
        if not handled.outcome.first:
            return handled, None
        # A crash here leaves the record of a token that nobody holds: issue another.
        await self.authority.remember(token, token_id, worker_id)
        worker = WORKER.fold(await self.history(stream_of("worker", worker_id)))
        if token_id in worker.revoked_token_ids:  # before there was anything to forget
            await self.authority.forget(token_id)
        return handled, token

    async def revoke_token(self, caller: Caller, worker_id: str, token_id: str) -> Handled:
        """Let a token stand for nobody any more. Once more is nothing new, and makes sure of it."""
        allowed = await self._authorise("revoke_token", caller, worker_id, own=worker_id == caller.identity.worker_id)
        handled = await self._on_worker(
            "revoke_token",
            caller,
            worker_id,
            lambda now: RevokeToken(token_id, now),
            allowed.guards,
            {"token_id": token_id},
        )
        # A crash here leaves a token that still opens and is revoked in the log: sent again, the same command ends it.
        await self.authority.forget(token_id)
        return handled

    async def _authorise(self, operation: str, caller: Caller, worker_id: str, *, own: bool = False) -> Allowed:
        """Authorise at the person's site, and at the operator where they hold a role there: no way up, no way to lock out."""
        worker = await self.worker(worker_id)
        allowed = await self.authorise_at(caller.identity, operation, worker.site_id, own=own)
        if fold_grants(await self.history(stream_of("grant", OPERATOR_SITE))).roles_of(worker_id):
            return await self.authorise_at(caller.identity, operation, OPERATOR_SITE, own=own)
        return allowed
