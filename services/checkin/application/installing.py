"""The first administrator, without whom nobody could be given a role."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from services.checkin.application.core import Core
from services.checkin.domain import GRANTS, WORKER, GiveGrant, IssueToken, RegisterWorker
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.grants import fold_grants
from shared.contracts.roles import Role
from shared.runtime.commands import Decided, write
from shared.runtime.ids import new_id, new_token
from shared.runtime.log import By

if TYPE_CHECKING:
    from shared.runtime.log import Loaded

_OPERATOR_GRANTS = stream_of("grant", OPERATOR_SITE)


class Installing(Core):
    """Makes the first administrator."""

    async def has_administrator(self) -> bool:
        """Say whether the operator has an administrator."""
        grants = fold_grants(await self.history(_OPERATOR_GRANTS))
        return bool(grants.holders().get(Role.ADMINISTRATOR))

    async def install(self, token: str | None = None) -> str | None:
        """Make the operator's first administrator and return their token; None where there was an administrator.

        The same ``token`` again gives the same person, so whoever was cut off may ask again with it.
        """
        token = token or new_token()
        worker_id = sha256(b"first administrator\n" + token.encode()).hexdigest()[:32]
        stream_id = stream_of("worker", worker_id)
        name = await self.keyring.seal(worker_id, "First administrator")
        # Known before it is anybody's: a crash here leaves the token of a person who does not exist and may do nothing.
        await self.authority.remember(token, worker_id, worker_id)

        def decide(loaded: Loaded) -> Decided:
            if fold_grants(loaded[_OPERATOR_GRANTS].events).holders().get(Role.ADMINISTRATOR):
                return Decided()
            register = RegisterWorker(worker_id, OPERATOR_SITE, name, site_known=True, now=loaded.now)
            issue = IssueToken(worker_id, loaded.now)
            grant = GiveGrant(
                OPERATOR_SITE, worker_id, Role.ADMINISTRATOR, site_known=True, worker_known=True, now=loaded.now
            )
            registered = write(
                WORKER,
                loaded[stream_id],
                lambda state: [
                    *(events := list(WORKER.decide(register, state))),
                    *WORKER.decide(issue, WORKER.fold(events, state)),
                ],
            )
            given = write(GRANTS, loaded[_OPERATOR_GRANTS], lambda state: GRANTS.decide(grant, state))
            return Decided([registered, given])

        streams = [_OPERATOR_GRANTS, stream_id]
        await self.commands.handle("install", streams, decide, By("system:checkin.install", new_id()))
        roles = fold_grants(await self.history(_OPERATOR_GRANTS)).roles_of(worker_id)
        return token if Role.ADMINISTRATOR in roles else None
