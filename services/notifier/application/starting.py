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

from services.notifier.application.attempts import count, decided, folded, recipient_in, seek
from services.notifier.application.composing import Prepared
from services.notifier.crash import AFTER_START, BEFORE_START
from services.notifier.domain import (
    NEWEST,
    RECIPIENT,
    CallRecipient,
    Candidate,
    StartAttempt,
    asker_of,
    call_id_of,
    to_call,
    unwanted,
)
from shared.contracts.base import stream_of
from shared.contracts.notifications import MOST_BUNDLED, AttemptStarted
from shared.runtime.clock import monotonic
from shared.runtime.commands import Decided, write
from shared.runtime.log import By, Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.notifier.application.attempts import Sought
    from services.notifier.application.composing import Composer
    from services.notifier.application.mailbox import Key, Waiting
    from services.notifier.crash import At
    from shared.contracts.visits import Channel
    from shared.runtime.commands import Commands
    from shared.runtime.log import Loaded, Write

log = structlog.get_logger()


@dataclass(frozen=True)
class Call:
    """A call that may be made: its attempts stand in the log."""

    call_id: str
    channel: str
    attempts: tuple[tuple[Sought, AttemptStarted], ...]
    prepared: Prepared
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
        streams = [recipient, *(one.stream_id for one in waiting[:MOST_BUNDLED])]
        loaded = await self.commands.load(streams, {recipient: NEWEST})
        first = waiting[0]
        may_start_at = recipient_in(loaded[recipient]).may_start_at(
            cast("Channel", first.channel), loaded.now, repeat=first.repeat, floor=first.floor
        )
        if may_start_at > loaded.now:
            return Begun(may_start_in=(may_start_at - loaded.now).total_seconds())
        sought = [seek(loaded[one.stream_id], one.message_id) for one in waiting[:MOST_BUNDLED]]
        if first.repeat:
            sought = await self._with_the_others(loaded, recipient, sought)
        each = {one.stream.stream_id: one for one in reversed(sought)}  # of a notification one message at a time
        prepared = await self.composer.prepare(
            recipient_id, [one for one in sought if each[one.stream.stream_id] is one]
        )
        async with self._turns.setdefault(recipient_id, Lock()):
            return await self._start(recipient_id, prepared, prepared.sought)

    async def _with_the_others(self, loaded: Loaded, recipient: str, sought: list[Sought]) -> list[Sought]:
        """Return the messages that went in the same call as the first, whoever collected them, before all others."""
        sending = folded(sought[0].stream).sending(sought[0].message.message_id)
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

    async def _start(self, recipient_id: str, prepared: Prepared, sought: Sequence[Sought]) -> Begun:
        """Append the start of one call; where that fails, of the first part of it that can be."""
        try:
            return await self._append(recipient_id, prepared, sought)
        except (Unavailable, *LOST):
            raise
        except Exception as error:
            if len(sought) == 1:
                log.exception("attempt_not_started", stream_id=sought[0].stream.stream_id)
                return Begun(failed=((key_of(sought[0]), error),))
        half = len(sought) // 2
        begun = await self._start(recipient_id, prepared, sought[:half])
        if begun.call is not None:
            return begun  # the others wait for their own slot
        rest = await self._start(recipient_id, prepared, sought[half:])
        return Begun(rest.call, rest.may_start_in, begun.settled | rest.settled, begun.failed + rest.failed)

    async def _append(self, recipient_id: str, prepared: Prepared, sought: Sequence[Sought]) -> Begun:
        recipient = stream_of("recipient", recipient_id)
        streams = [recipient, *(one.stream.stream_id for one in sought), *(one.queued.asked_by for one in sought)]

        def decide(loaded: Loaded) -> Decided:
            return _decide(loaded, recipient_id, prepared, sought)

        by = By("system:notifier.clock", call_id_of(one.message.message_id for one in sought))
        if len(sought) == 1:
            envelope = sought[0].envelope
            by = By("system:notifier.clock", envelope.correlation_id, envelope.event_id)
        began = monotonic()
        await self.at(BEFORE_START)
        handled = await self.commands.handle("start_attempt", streams, decide, by, tails={recipient: NEWEST})
        await self.at(AFTER_START)
        count(prepared.channel, handled)
        put_off = handled.decided.answer.get("may_start_at")
        if put_off is not None:
            return Begun(may_start_in=(put_off - handled.now).total_seconds())
        started = {event.message_id: event for event in handled.decided.events if isinstance(event, AttemptStarted)}
        attempts = tuple((one, started[one.message.message_id]) for one in sought if one.message.message_id in started)
        settled = frozenset(key_of(one) for one in sought if one.stream.stream_id in handled.decided.answer["settled"])
        if not attempts:
            return Begun(settled=settled)
        call_id = call_id_of(started)
        call = Call(call_id, attempts[0][1].channel, attempts, prepared, handled.now, began)
        return Begun(call, settled=settled)


def key_of(sought: Sought) -> Key:
    """Return which message it is."""
    return sought.stream.stream_id, sought.message.message_id


def _decide(loaded: Loaded, recipient_id: str, prepared: Prepared, sought: Sequence[Sought]) -> Decided:
    """Decide which of these messages start in one call, which nobody wants any more, and whether it is time."""
    recipient = loaded[stream_of("recipient", recipient_id)]
    candidates = [
        Candidate(
            one.stream.stream_id,
            folded(loaded[one.stream.stream_id]),
            one.message.message_id,
            unwanted(one.queued, asker_of(loaded[one.queued.asked_by].events)),
        )
        for one in sought
    ]
    carried = to_call(candidates, loaded.now)
    entries: list[Write] = []
    if carried:
        call = CallRecipient(
            recipient_id=recipient_id,
            call_id=call_id_of(one.message_id for one in carried),
            notification_ids=tuple(one.notification.notification_id for one in carried),
            attempt=1 + min(one.attempts for one in carried),
            channel=prepared.channel,
            floor=any(one.floor for one in carried),
            now=loaded.now,
        )
        entry = write(RECIPIENT, recipient, lambda state: RECIPIENT.decide(call, state))
        if not entry.events:
            may_start_at = recipient_in(recipient).may_start_at(
                call.channel, loaded.now, repeat=call.attempt > 1, floor=call.floor
            )
            return Decided(answer={"may_start_at": may_start_at})
        entries = [entry]
    own = [one for one in candidates if one in carried or not one.startable(loaded.now)]
    call_id = call.call_id if len(carried) > 1 else None
    writes = [
        decided(loaded[one.stream_id], StartAttempt(one.message_id, one.unwanted, loaded.now, prepared.point, call_id))
        for one in own
    ]
    asked = {one.queued.asked_by for one in sought if any(one.stream.stream_id == mine.stream_id for mine in own)}
    guards = {stream_id: loaded[stream_id].version for stream_id in asked - {mine.stream_id for mine in own}}
    return Decided([*writes, *entries], guards, {"settled": {mine.stream_id for mine in own}})
