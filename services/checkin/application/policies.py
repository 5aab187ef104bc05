"""Policies, and the operator's own ladder: what an administrator puts in force. Every method raises Forbidden and Rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.core import Core, policy_version
from services.checkin.domain import OPERATOR_LADDER, POLICY, AdoptPolicy, SetOperatorLadder
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.runtime.commands import Decided, write

if TYPE_CHECKING:
    from shared.contracts.ladders import Ladder
    from shared.contracts.policy import Policy
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller


class Policies(Core):
    """What visits, and Lonewatch's own troubles, go by."""

    async def adopt_policy(self, caller: Caller, policy: Policy) -> Handled:
        """Put a policy in force for visits planned from now on."""
        allowed = await self.authority.authorise(caller.identity, "adopt_policy", None)
        stream_id = stream_of("policy", policy.policy_id)

        def decide(loaded: Loaded) -> Decided:
            stream = loaded[stream_id]
            adopted = write(POLICY, stream, lambda state: POLICY.decide(AdoptPolicy(policy, loaded.now), state))
            version = policy_version([*stream.events, *adopted.events])
            return Decided([adopted], allowed.guards, {"policy_id": policy.policy_id, "policy_version": version})

        return await self.commands.handle("adopt_policy", [stream_id], decide, caller.by, caller.outside)

    async def set_operator_ladder(self, caller: Caller, ladder: Ladder) -> Handled:
        """Say who is told, and in which order, when something is wrong with Lonewatch itself."""
        allowed = await self.authority.authorise(caller.identity, "set_operator_ladder", None)
        stream_id = stream_of("policy", OPERATOR_SITE)

        def decide(loaded: Loaded) -> Decided:
            command = SetOperatorLadder(ladder, loaded.now)
            ladder_set = write(OPERATOR_LADDER, loaded[stream_id], lambda state: OPERATOR_LADDER.decide(command, state))
            return Decided([ladder_set], allowed.guards, {"steps": len(ladder.steps)})

        return await self.commands.handle("set_operator_ladder", [stream_id], decide, caller.by, caller.outside)
