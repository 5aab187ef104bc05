"""PINs of a person: set by themselves, and removed. Raises Forbidden and Rejected.

What opens is in the keys database, changed after the log and never before it; under no id, so that the log keeps no digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application.duress import Duress
from services.checkin.application.signing import Signing
from services.checkin.application.tokens import Tokens
from services.checkin.domain import RemovePins, SetPins
from shared.contracts.roles import Role

if TYPE_CHECKING:
    from shared.runtime.commands import Handled
    from shared.runtime.web import Caller


class Pins(Signing, Tokens, Duress):
    """The PINs of persons. Whoever gives the one for duress as the current one is answered as with the other."""

    async def set_pins(self, caller: Caller, worker_id: str, pin: str, duress_pin: str, current: str | None) -> Handled:
        """Give a person, who asks, a PIN and another one for duress. Whoever has PINs shows the current one."""
        allowed = await self._authorise("set_pins", caller, worker_id, own=worker_id == caller.identity.worker_id)
        hashes = [await self.pin_hash(worker_id, each) for each in (pin, duress_pin)]
        judged = await self.current_pin("set_pins", caller, worker_id, current)
        alike = hashes[0] == hashes[1]
        handled = await self._signing(
            "set_pins", caller.by, worker_id, lambda now: SetPins(judged, alike, now), allowed.guards
        )
        # A crash here leaves the PINs as they were, though the log says that they were set: send it again.
        await self.authority.pins.set(worker_id, *hashes)
        return handled

    async def remove_pins(self, caller: Caller, worker_id: str, current: str | None) -> Handled:
        """Let a person check in without a PIN. Whoever is no administrator shows the current one."""
        own = worker_id == caller.identity.worker_id
        allowed = await self._authorise("remove_pins", caller, worker_id, own=own)
        trusted = Role.ADMINISTRATOR in allowed.roles
        judged = None if trusted else await self.current_pin("remove_pins", caller, worker_id, current)
        handled = await self._signing(
            "remove_pins", caller.by, worker_id, lambda now: RemovePins(judged, now), allowed.guards
        )
        # A crash here leaves PINs that are still asked for and are removed in the log: sent again, this ends them.
        await self.authority.pins.remove(worker_id)
        return handled
