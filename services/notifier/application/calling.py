"""Make one call outside of every lock, and record what became of it for all that it carried, in one append.

A crash before the record leaves the attempts to their own deadline: the outcome is unknown, and they go again together.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from services.notifier.application.attempts import CALLS, by_of, count, decided, observe_first, outcome_of
from services.notifier.application.crash import AFTER_CALL, AFTER_OUTCOME, BEFORE_CALL, BEFORE_OUTCOME
from services.notifier.channels import Receipt, TransportError
from shared.runtime.clock import monotonic
from shared.runtime.commands import Decided
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.notifier.application.attempts import Sought
    from services.notifier.application.composing import Composer
    from services.notifier.application.crash import At
    from services.notifier.application.starting import Call
    from services.notifier.channels import Channel
    from shared.contracts.notifications import AttemptStarted
    from shared.runtime.commands import Commands
    from shared.runtime.log import Loaded

OVERTIME = timedelta(seconds=1)
"""What a call may take beyond its own limit before it is given up from here: channels know better what their end means."""

TOO_LATE = timedelta(seconds=12)
"""After this a call is not made any more: whoever was stopped since its start would call beside the next attempt, which
the 15 s of an attempt bring."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Caller:
    """Makes calls and records their outcomes."""

    commands: Commands
    composer: Composer
    channels: Mapping[str, Channel]
    call_lasts: timedelta
    at: At

    async def call(self, call: Call) -> None:
        """Make a call whose attempts stand in the log, and record what became of it."""
        for sought, attempt in call.attempts:
            observe_first(sought.queued, attempt, call.now)
        await self.at(BEFORE_CALL)
        if monotonic() - call.began > TOO_LATE.total_seconds():
            log.warning("call_too_late", call_id=call.call_id)
            return  # the attempts become unknown by their own deadline
        CALLS.labels(call.prepared.channel).inc()
        outcome = await self._outcome(call)
        await self.at(AFTER_CALL)
        await self._record(call.prepared.channel, call.attempts, outcome)

    async def _outcome(self, call: Call) -> Receipt | TransportError:
        """Make the one call and return what became of it. Holds no lock and no connection to the log."""
        try:
            outgoing = self.composer.compose(call.prepared, [sought for sought, _ in call.attempts])
            channel = self.channels.get(call.prepared.channel)
            if channel is None:
                return TransportError("this channel is not set up", code="channel_not_configured", permanent=True)
            async with asyncio.timeout((self.call_lasts + OVERTIME).total_seconds()):
                return await channel.send(replace(outgoing, sent_at=call.now))
        except TransportError as error:
            return error
        except TimeoutError:
            return TransportError("the channel did not end in time", code="no_answer", unknown=True)
        except Exception:  # whatever a channel does, the attempt has an outcome
            log.exception("channel_failed", channel=call.prepared.channel)
            return TransportError("the channel failed", code="channel_failed", unknown=True)

    async def _record(
        self,
        channel: str,
        attempts: Sequence[tuple[Sought, AttemptStarted]],
        outcome: Receipt | TransportError,
    ) -> None:
        """Append the outcome for each; where that fails for all together, in halves."""

        def decide(loaded: Loaded) -> Decided:
            return Decided(
                [
                    decided(loaded[sought.stream.stream_id], outcome_of(attempt, outcome, loaded.now))
                    for sought, attempt in attempts
                ]
            )

        by = by_of([sought for sought, _ in attempts])
        streams = [sought.stream.stream_id for sought, _ in attempts]
        await self.at(BEFORE_OUTCOME)
        try:
            count(channel, await self.commands.handle("record_outcome", streams, decide, by))
            await self.at(AFTER_OUTCOME)
        except (Unavailable, *LOST):
            raise
        except Exception:
            if len(attempts) == 1:
                raise
            half = len(attempts) // 2
            for part in (attempts[:half], attempts[half:]):
                await self._record(channel, part, outcome)
