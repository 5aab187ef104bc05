"""PINs that come with a command: the command is decided as without one, and duress is never lost.

Duress stands in the commit of the command that it came with, or, where the command leaves nothing (it is refused, or
was taken before), in one of its own before the command is answered. Nothing that is answered, and no line of the
service, says which of the two PINs it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

import structlog

from services.checkin.application.core import apart
from services.checkin.application.help import is_id
from services.checkin.application.on_visit import OnVisit
from services.checkin.application.people import People
from services.checkin.domain import (
    VISIT,
    WORKER,
    SignalDuress,
    SignalDuressWithoutVisit,
    under_duress,
)
from shared.contracts.base import stream_of
from shared.contracts.envelope import Undecodable
from shared.contracts.situations import VisitDuressSignalled
from shared.decider import Rejected
from shared.runtime.commands import Decided, write
from shared.runtime.log import Unavailable, WrongExpectedVersion
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.contracts.persons import Judged
    from shared.runtime.commands import Handled
    from shared.runtime.log import Loaded
    from shared.runtime.web import Caller

log = structlog.get_logger()


class Duress(OnVisit, People):
    """Judges PINs, and records duress."""

    async def with_pin(
        self, operation: str, caller: Caller, visit_id: str, pin: str | None, ask: Callable[[bool], Awaitable[Handled]]
    ) -> Handled:
        """Ask for something that wants a PIN of whoever has PINs. ``ask`` is told whether duress goes into its commit."""
        judged = await self.judged(caller.identity.worker_id, pin)
        try:
            duress = under_duress(judged)
        except Rejected as rejected:
            log.info(
                "command", command=operation, outcome=f"rejected:{rejected.code}", correlation_id=caller.correlation_id
            )
            raise
        if not duress:
            return await ask(False)  # noqa: FBT003 -- what it is told is said above
        try:
            handled = await ask(True)  # noqa: FBT003 -- the same
        except (Unavailable, *LOST):
            raise  # the same answer as to the other PIN; sent again under the same id, it is decided again
        except Exception:
            await self.signal_apart(operation, caller, visit_id)
            raise
        # A crash here leaves a command that was taken and not answered: sent again, what is missing is recorded.
        if not await self._stands(visit_id, handled):
            await self.signal_apart(operation, caller, visit_id)
        return handled

    async def signal_if_under_duress(self, operation: str, caller: Caller, visit_id: str, pin: str) -> None:
        """Record duress of a request that could not be taken as it came."""
        if await self.judged(caller.identity.worker_id, pin) == "duress":
            await self.signal_apart(operation, caller, visit_id)

    async def current_pin(self, operation: str, caller: Caller, worker_id: str, current: str | None) -> Judged:
        """Say what was found of the current PIN. Duress is on record before anything is answered or changed."""
        judged = await self.judged(worker_id, current)
        if judged == "duress":
            await self.signal_apart(operation, caller, None)
        return judged

    async def judged(self, worker_id: str, pin: str | None) -> Judged:
        """Say what was found of a PIN."""
        shown = None if pin is None else await self.pin_hash(worker_id, pin)
        return await self.authority.pins.judge(worker_id, shown)

    async def pin_hash(self, worker_id: str, pin: str) -> bytes:
        """Return the keyed hash of a PIN: whoever has the hashes made of it, and not the operator's key, cannot guess."""
        text = f"{worker_id}\n{normalize('NFKC', pin).strip()}"
        return await self.keyring.keyed_hash("pin", text.encode("utf-8", "surrogatepass"))

    async def signal_apart(self, operation: str, caller: Caller, visit_id: str | None) -> None:
        """Record duress in a commit of its own, once for the same request: on the visit if it is theirs, or else on them."""
        beside = apart(caller, "duress")
        if visit_id is not None and is_id(visit_id):
            try:
                return await self._signal_on_visit(operation, beside, visit_id)
            except (Rejected, Undecodable, WrongExpectedVersion):
                pass
        return await self._signal_without_visit(operation, beside)

    async def _signal_on_visit(self, operation: str, caller: Caller, visit_id: str) -> None:
        plan, _ = await self.visit(visit_id)
        if plan.worker_id != caller.identity.worker_id:
            raise Rejected("visit_unknown")
        stream_id = stream_of("visit", visit_id)

        def decide(loaded: Loaded) -> Decided:
            command = SignalDuress(operation, loaded.now)
            signalled = write(
                VISIT,
                loaded[stream_id],
                lambda state: VISIT.decide(command, state),
                visit_id=visit_id,
                site_id=plan.site_id,
            )
            return Decided([signalled])

        await self.commands.handle(operation, [stream_id], decide, caller.by, caller.outside)

    async def _signal_without_visit(self, operation: str, caller: Caller) -> None:
        worker_id = caller.identity.worker_id
        stream_id = stream_of("worker", worker_id)

        def decide(loaded: Loaded) -> Decided:
            command = SignalDuressWithoutVisit(operation, loaded.now, worker_id)
            return Decided([write(WORKER, loaded[stream_id], lambda state: WORKER.decide(command, state))])

        await self.commands.handle(operation, [stream_id], decide, caller.by, caller.outside)

    async def _stands(self, visit_id: str, handled: Handled) -> bool:
        """Say whether duress stands in the commit of a command: this one, or the one that it repeats."""
        if handled.outcome.first:
            return any(isinstance(event, VisitDuressSignalled) for event in handled.decided.events)
        first, last = handled.outcome.first_position, handled.outcome.last_position
        if first is None or last is None:
            return False
        stream_id = stream_of("visit", visit_id)
        history = (await self.commands.load([stream_id]))[stream_id].history
        return any(isinstance(one.event, VisitDuressSignalled) and first <= one.position <= last for one in history)
