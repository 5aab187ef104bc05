"""Record that the attempts of one call left no outcome: all of them together, so that they go again together."""

from __future__ import annotations

from asyncio import Lock
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from services.notifier.application.attempts import count, decided, folded, recipient_in, seek
from services.notifier.domain import NEWEST, AttemptTimesOut
from shared.contracts.base import stream_of
from shared.runtime.commands import Decided
from shared.runtime.ids import new_id
from shared.runtime.log import By, Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.commands import Commands
    from shared.runtime.deadlines import Due
    from shared.runtime.log import Loaded


@dataclass(frozen=True)
class TimingOut:
    """Answers the deadline of an attempt."""

    commands: Commands
    _turns: WeakValueDictionary[str, Lock] = field(default_factory=WeakValueDictionary)

    async def time_out(self, due: Due) -> None:
        """Record that an attempt, and what went in the same call, left no outcome; alone where that fails."""
        sought = seek((await self.commands.load([due.stream_id]))[due.stream_id], due.subject)
        sending = folded(sought.stream).sending(due.subject)
        call_id = due.subject if sending is None else sending.call_id or due.subject
        async with self._turns.setdefault(call_id, Lock()):
            stream = (await self.commands.load([due.stream_id]))[due.stream_id]
            sending = folded(stream).sending(due.subject)
            if sending is None or sending.unknown_at is None:
                return  # it has its outcome, or another of the same call brought it
            own = {due.stream_id: due.subject}
            channel = sought.message.channel
            try:
                together = await self._together(sought.queued.recipient_id, sending.call_id)
                await self._record(channel, own | together)
            except (Unavailable, *LOST):
                raise
            except Exception:  # noqa: BLE001 -- what is wrong with one of the others is told by its own deadline
                await self._record(channel, own)

    async def _together(self, recipient_id: str, call_id: str | None) -> dict[str, str]:
        """Return the messages of a bundle, by the stream of each."""
        if call_id is None:
            return {}
        recipient = stream_of("recipient", recipient_id)
        entries = (await self.commands.load([recipient], {recipient: NEWEST}))[recipient]
        ids = [stream_of("notification", one) for one in recipient_in(entries).carried(call_id)]
        loaded = await self.commands.load(ids)
        return {
            stream_id: sending.message.message_id
            for stream_id, stream in loaded.streams.items()
            for sending in folded(stream).sendings
            if sending.call_id == call_id and sending.unknown_at is not None
        }

    async def _record(self, channel: str, messages: Mapping[str, str]) -> None:
        def decide(loaded: Loaded) -> Decided:
            return Decided(
                [
                    decided(loaded[stream_id], AttemptTimesOut(message_id, loaded.now))
                    for stream_id, message_id in messages.items()
                ]
            )

        by = By("system:notifier.clock", new_id())
        count(channel, await self.commands.handle("attempt_times_out", list(messages), decide, by))
