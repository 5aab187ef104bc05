"""Start one call for all that is due at one contact point: one append, guarded by everyone who asked.

What cannot be appended together falls apart into halves, so that one busy escalation holds up nobody else's message.
A crash before the append leaves every deadline; one after it leaves the attempts to their own.
"""

from __future__ import annotations

from asyncio import Lock
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from weakref import WeakValueDictionary

import structlog

from services.notifier.application.attempts import by_of, count, folded, recipient_in, seek
from services.notifier.application.carrying import carry
from services.notifier.application.crash import AFTER_START, BEFORE_START
from services.notifier.domain import NEWEST, call_id_of
from shared.contracts.base import stream_of
from shared.contracts.notifications import MOST_BUNDLED, AttemptStarted
from shared.runtime.clock import monotonic
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.notifier.application.attempts import Sought
    from services.notifier.application.collecting import Key, Waiting
    from services.notifier.application.composing import Composer, Prepared
    from services.notifier.application.crash import At
    from shared.contracts.visits import Channel
    from shared.runtime.commands import Commands, Decided, Handled
    from shared.runtime.log import Loaded

log = structlog.get_logger()


@dataclass(frozen=True)
class Call:
    """A call that may be made: its attempts stand in the log."""

    call_id: str
    prepared: Prepared
    attempts: tuple[tuple[Sought, AttemptStarted], ...]
    now: datetime
    began: float
    """This process's own clock just before the append."""


@dataclass(frozen=True)
class Begun:
    """What became of a try to start: a call, or when there may be one; and which messages are done with here."""

    call: Call | None = None
    may_start_in: float | None = None
    """Seconds; None where nothing is put off."""
    settled: frozenset[Key] = frozenset()
    failed: tuple[tuple[Key, Exception], ...] = ()


@dataclass(frozen=True)
class Starter:
    """Starts calls."""

    commands: Commands
    composer: Composer
    at: At
    _turns: WeakValueDictionary[str, Lock] = field(default_factory=WeakValueDictionary)

    async def start(self, recipient_id: str, waiting: Sequence[Waiting]) -> Begun:
        """Start the next call among these messages of one person, where it may start now."""
        recipient = stream_of("recipient", recipient_id)
        first = waiting[0]
        its = await self.commands.load([recipient], {recipient: NEWEST})
        may_start_at = recipient_in(its[recipient]).may_start_at(
            cast("Channel", first.channel), its.now, repeat=first.repeat, floor=first.floor
        )
        if may_start_at > its.now:  # what it would carry is not even read
            return Begun(may_start_in=(may_start_at - its.now).total_seconds())
        streams = [recipient, *(one.stream_id for one in waiting[:MOST_BUNDLED])]
        loaded = await self.commands.load(streams, {recipient: NEWEST})
        sought = [seek(loaded[one.stream_id], one.message_id) for one in waiting[:MOST_BUNDLED]]
        if first.repeat:
            sought = await self._with_the_others(loaded, recipient, sought)
        each = {one.stream.stream_id: one for one in reversed(sought)}  # of a notification one message at a time
        return await self._start(recipient_id, [one for one in sought if each[one.stream.stream_id] is one])

    async def _with_the_others(self, loaded: Loaded, recipient: str, sought: list[Sought]) -> list[Sought]:
        """Return the messages that went in the same call as the first, whoever collected them, before all others."""
        sending = folded(sought[0].stream).sending(sought[0].message.message_id)
        if sending is not None and sending.refused:  # nobody has seen it under any id, so it goes with all like it
            states = [(one, folded(one.stream).sending(one.message.message_id)) for one in sought]
            return [one for one, its in states if its is not None and its.refused]
        call_id = None if sending is None else sending.call_id
        if call_id is None:
            return sought[:1]
        ids = [stream_of("notification", one) for one in recipient_in(loaded[recipient]).carried(call_id)]
        others = await self.commands.load(ids)
        together = [
            seek(stream, one.message.message_id)
            for stream in others.streams.values()
            for one in folded(stream).sendings
            if one.call_id == call_id
        ]
        return [*together, *sought]

    async def _start(self, recipient_id: str, sought: Sequence[Sought]) -> Begun:
        """Start one call; where that fails, with the first part of what it would carry with which it does not."""
        try:
            return await self._append(recipient_id, await self.composer.prepare(recipient_id, sought))
        except (Unavailable, *LOST):
            raise
        except Exception as error:
            if len(sought) == 1:
                log.exception("attempt_not_started", stream_id=sought[0].stream.stream_id)
                return Begun(failed=((sought[0].key, error),))
        half = len(sought) // 2
        begun = await self._start(recipient_id, sought[:half])
        if begun.call is not None:
            return begun  # the others wait for their own slot
        rest = await self._start(recipient_id, sought[half:])
        return Begun(rest.call, rest.may_start_in, begun.settled | rest.settled, begun.failed + rest.failed)

    async def _append(self, recipient_id: str, prepared: Prepared) -> Begun:
        recipient = stream_of("recipient", recipient_id)
        streams = [recipient, *(one.stream.stream_id for one in prepared.sought)]
        streams += [one.queued.asked_by for one in prepared.sought]

        def decide(loaded: Loaded) -> Decided:
            return carry(loaded, recipient_id, prepared)

        by = by_of(prepared.sought)
        async with self._turns.setdefault(recipient_id, Lock()):
            began = monotonic()
            await self.at(BEFORE_START)
            handled = await self.commands.handle("start_attempt", streams, decide, by, tails={recipient: NEWEST})
            await self.at(AFTER_START)
        count(prepared.channel, handled)
        return _begun(prepared, handled, began)


def _begun(prepared: Prepared, handled: Handled, began: float) -> Begun:
    """Return what an append came to."""
    may_start_at = handled.decided.answer.get("may_start_at")
    if may_start_at is not None:
        return Begun(may_start_in=(may_start_at - handled.now).total_seconds())
    streams = handled.decided.answer["settled"]
    settled = frozenset(one.key for one in prepared.sought if one.stream.stream_id in streams)
    started = {event.message_id: event for event in handled.decided.events if isinstance(event, AttemptStarted)}
    carried = [one for one in prepared.sought if one.message.message_id in started]
    if not carried:
        return Begun(settled=settled)
    attempts = tuple((one, started[one.message.message_id]) for one in carried)
    return Begun(Call(call_id_of(started), prepared, attempts, handled.now, began), settled=settled)
