"""Decide which messages one call carries, which of them nobody wants any more, and whether it may start. Does no IO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.notifier.application.attempts import decided, folded, recipient_in
from services.notifier.domain import (
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
from shared.runtime.commands import Decided, write

if TYPE_CHECKING:
    from services.notifier.application.composing import Prepared
    from shared.runtime.log import Loaded


def carry(loaded: Loaded, recipient_id: str, prepared: Prepared) -> Decided:
    """Return the start of one call, guarded by everyone who asked for what it carries.

    The answer has ``settled``, the streams that are done with for now; or ``may_start_at`` and nothing else, where the
    person was called too lately.
    """
    recipient = loaded[stream_of("recipient", recipient_id)]
    asked_by = {one.queued.asked_by for one in prepared.sought}
    askers = {stream_id: asker_of(loaded[stream_id].events) for stream_id in asked_by}
    candidates = [
        Candidate(
            one.stream.stream_id,
            folded(loaded[one.stream.stream_id]),
            one.message.message_id,
            unwanted(one.queued, askers[one.queued.asked_by]),
        )
        for one in prepared.sought
    ]
    carried = to_call(candidates, loaded.now)
    call = _call(recipient_id, prepared, carried, loaded)
    entries = [write(RECIPIENT, recipient, lambda state: RECIPIENT.decide(call, state))] if call else []
    if call and not entries[0].events:
        repeat = call.attempt > 1
        may_start_at = recipient_in(recipient).may_start_at(call.channel, loaded.now, repeat=repeat, floor=call.floor)
        return Decided(answer={"may_start_at": may_start_at})
    own = {one.stream_id: one for one in candidates if one in carried or not one.startable(loaded.now)}
    call_id = call.call_id if call and len(carried) > 1 else None
    writes = [
        decided(loaded[one.stream_id], StartAttempt(one.message_id, one.unwanted, loaded.now, prepared.point, call_id))
        for one in own.values()
    ]
    asked_by = {one.queued.asked_by for one in prepared.sought if one.stream.stream_id in own}
    guards = {stream_id: loaded[stream_id].version for stream_id in asked_by - own.keys()}
    return Decided([*writes, *entries], guards, {"settled": frozenset(own)})


def _call(
    recipient_id: str, prepared: Prepared, carried: tuple[Candidate, ...], loaded: Loaded
) -> CallRecipient | None:
    if not carried:
        return None
    return CallRecipient(
        recipient_id=recipient_id,
        call_id=call_id_of(one.message_id for one in carried),
        notification_ids=tuple(one.notification.notification_id for one in carried),
        attempt=1 + min(one.attempts for one in carried),
        channel=prepared.channel,
        floor=any(one.floor for one in carried),
        now=loaded.now,
    )
