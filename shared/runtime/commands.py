"""Load, decide, append: the one loop that every command of every service goes through.

Whoever calls it gives a pure decision; this repeats it on fresh state while others are first, and answers a known id
with its first answer before it decides anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakValueDictionary

import structlog

from shared.decider import Rejected
from shared.runtime.clock import monotonic
from shared.runtime.loading import Loads
from shared.runtime.log import (
    WHOLE,
    Append,
    By,
    Cause,
    Loaded,
    Outcome,
    Outside,
    Stream,
    Write,
    WrongExpectedVersion,
)
from shared.runtime.telemetry import COMMAND_SECONDS, COMMANDS

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.base import Event
    from shared.decider import Decider
    from shared.runtime.postgres import Pool
    from shared.runtime.sequencer import Sequencer
    from shared.runtime.watch import Impairment, Watch

C = TypeVar("C")
E = TypeVar("E", bound="Event")
S = TypeVar("S")

log = structlog.get_logger()

MOST_TRIES = 12
"""Decisions on fresh state before a command gives up: every failure means that somebody else's command succeeded."""


@dataclass(frozen=True)
class Decided:
    """What a decision wants appended, what it rests on, and what is answered to the caller."""

    writes: Sequence[Write] = ()
    guards: Mapping[str, int] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """Every event of every write, in order."""
        return [event for write in self.writes for event in write.events]


@dataclass(frozen=True)
class Handled:
    """What became of a command. ``first`` is false for a repeat, and then ``decided`` is empty."""

    outcome: Outcome
    decided: Decided
    now: datetime
    watch: Impairment | None = None
    """That nobody could be watched over when it was answered; whoever asked is told so."""


Decision = Callable[[Loaded], Decided]

_count = cache(COMMANDS.labels)
"""The counter of a command and an outcome: both are few, and looked for at every command."""

_seconds = cache(COMMAND_SECONDS.labels)
"""The same for how long it took."""


@dataclass(frozen=True)
class Commands:
    """Everything a handler needs of the log."""

    pool: Pool
    sequencer: Sequencer
    watch: Watch | None = None
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, repr=False)
    _loads: Loads = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Let commands that come at once be loaded for at once."""
        object.__setattr__(self, "_loads", Loads(self.pool))

    async def load(self, stream_ids: Sequence[str], tails: Mapping[str, int] = WHOLE) -> Loaded:
        """Load streams without deciding anything."""
        return await self._loads.load(stream_ids, None, tails)

    async def move(self, origin: Outside | Cause, by: By) -> None:
        """Answer a record by nothing: only its consumer's position moves, so nothing is loaded for it.

        Raises what ``Sequencer.append`` raises.
        """
        await self.sequencer.append(Append((), by, origin=origin))

    async def handle(
        self,
        name: str,
        stream_ids: Sequence[str],
        decide: Decision,
        by: By,
        origin: Outside | Cause | None = None,
        tails: Mapping[str, int] = WHOLE,
    ) -> Handled:
        """Load ``stream_ids``, decide, append; again while somebody else was first. Says in one line what became of it.

        An empty decision is appended too: it records the id or moves the cause, and brings deadlines in line.
        ``tails`` says of which streams only the newest records are wanted. Raises Rejected from the decision, and what
        ``Sequencer.append`` raises.
        """
        began = monotonic()
        outcome, version = "failed", None
        try:
            handled = await self._handle(stream_ids, decide, by, origin, tails)
            outcome = "appended" if handled.outcome.first else "repeat"
            if handled.decided.writes:
                first = handled.decided.writes[0]
                version = first.expected_version + len(first.events)
            return replace(handled, watch=self.watch.impairment) if self.watch else handled
        except Rejected as rejected:
            outcome = f"rejected:{rejected.code}"
            raise
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            elapsed = monotonic() - began
            _count(name, outcome).inc()
            _seconds(name).observe(elapsed)
            log.info(
                "command",
                command=name,
                stream=stream_ids[0] if stream_ids else None,
                version=version,
                outcome=outcome,
                correlation_id=by.correlation_id,
                milliseconds=round(elapsed * 1000, 1),
            )

    async def _handle(
        self,
        stream_ids: Sequence[str],
        decide: Decision,
        by: By,
        origin: Outside | Cause | None,
        tails: Mapping[str, int],
    ) -> Handled:
        """Try until nobody else was first. From the second try on, commands that met at one stream go one at a time."""
        busy = None
        for _ in range(MOST_TRIES):
            turn = self._turns.setdefault(busy, asyncio.Lock()) if busy else nullcontext()
            try:
                async with turn:
                    return await self._try(stream_ids, decide, by, origin, tails)
            except WrongExpectedVersion as wrong:
                busy = wrong.stream_id
        raise WrongExpectedVersion(busy or "")

    async def _try(
        self,
        stream_ids: Sequence[str],
        decide: Decision,
        by: By,
        origin: Outside | Cause | None,
        tails: Mapping[str, int],
    ) -> Handled:
        loaded = await self._loads.load(stream_ids, origin if isinstance(origin, Outside) else None, tails)
        if loaded.known is not None:
            return Handled(loaded.known, Decided(answer=loaded.known.answer), loaded.now)
        decided = decide(loaded)
        append = Append(
            writes=decided.writes,
            by=by,
            decided_at=loaded.now,
            guards=decided.guards,
            origin=origin,
            answer=decided.answer,
        )
        outcome = await self.sequencer.append(append)
        return Handled(outcome, decided if outcome.first else Decided(answer=outcome.answer), loaded.now)


def write(
    decider: Decider[C, E, S],
    stream: Stream,
    decide: Callable[[S], Sequence[E]],
    *,
    visit_id: str | None = None,
    site_id: str | None = None,
) -> Write:
    """Fold a stream, decide, and return what to append with the deadlines that the stream has afterwards."""
    state = decider.fold(cast("list[E]", stream.events))  # a stream holds the events of its decider
    events = decide(state)
    return Write(
        stream_id=stream.stream_id,
        expected_version=stream.version,
        events=events,
        deadlines=decider.deadlines(decider.fold(events, state)),
        visit_id=visit_id,
        site_id=site_id,
    )
