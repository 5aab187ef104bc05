"""Parked records over HTTP: list, show, mend, replay, discard. Every service has these routes; they decide nothing."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from shared.contracts.base import Code
from shared.decider import Rejected
from shared.runtime.consumers import Follower
from shared.runtime.identity import Identity
from shared.runtime.parking import Parking, Released
from shared.runtime.problems import problem
from shared.runtime.reading import Unreadable
from shared.runtime.web import Caller, caller, reader, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from shared.runtime.service import Running
    from shared.trouble import Parked

REFUSALS = {
    "parked_unknown": "Nothing is parked under this id here; take it from the list of this service.",
    "parked_replayed": "This record took effect already.",
    "parked_discarded": "This record was discarded; it has no effect any more.",
    "parked_behind_another": "This record waits behind an earlier one of its visit; mend, replay or discard that first.",
}
"""Every code with which these routes refuse, and the sentence for a person."""

_NOT_YET = "This record still cannot take effect; 'reason' and 'place' say why. Mend it and replay it, or discard it."
_WRONG_DATA = "The data is not what an event of this type has; each entry of 'errors' says what is wrong where."


class Mending(BaseModel):
    """The data that a record should have had."""

    model_config = ConfigDict(extra="forbid")

    data: dict[str, Any]


class Discarding(BaseModel):
    """Why a record is to have no effect."""

    model_config = ConfigDict(extra="forbid")

    reason: Code


def parked_router(running: Running) -> APIRouter:
    """Return the routes of one service's parked records."""
    router = APIRouter(prefix=f"/{running.name}/parked")
    parking = Parking(Follower(running.pool, running.troubles), running.feed.reactions, running.feed.read_models)

    async def allowed(operation: str, identity: Identity) -> None:
        await running.authority.authorise(identity, operation, None)

    @router.get("", name="read_parked")
    async def list_parked(identity: Annotated[Identity, Depends(reader)]) -> dict[str, Any]:
        """List what is parked and neither replayed nor discarded, oldest first."""
        await allowed("read_parked", identity)
        return {"parked": [_shown(parked) for parked in await parking.waiting()]}

    @router.get("/{parked_id}", name="read_parked")
    async def show_parked(parked_id: str, identity: Annotated[Identity, Depends(reader)]) -> Any:
        """Show a parked record, why it is parked, and its bytes as the log has them."""
        await allowed("read_parked", identity)
        try:
            parked, row = await parking.find(parked_id)
        except Rejected as rejected:
            return _refused(rejected)
        return {**_shown(parked), "record_base64": b64encode(row["record"]).decode()}

    @router.post("/{parked_id}/mend", name="mend_parked")
    async def mend_parked(parked_id: str, wanted: Mending, by: Annotated[Caller, Depends(caller)]) -> Any:
        """Give a parked record the data that it should have had; it counts when the record is replayed."""
        await allowed("mend_parked", by.identity)
        try:
            receipt = await parking.mend(parked_id, wanted.data, by.by)
        except Unreadable as wrong:
            errors = [{"where": f"data.{place}", "what": what} for place, what in _mistakes(wrong)]
            return problem(422, "data_of_another_shape", _WRONG_DATA, errors=errors)
        except Rejected as rejected:
            return _refused(rejected)
        return {"parked_id": parked_id, "mended": True, "receipt": shown(receipt)}

    @router.post("/{parked_id}/replay", name="replay_parked")
    async def replay_parked(parked_id: str, by: Annotated[Caller, Depends(caller)]) -> Any:
        """Let a parked record take effect, once for good, and then what waits behind it."""
        await allowed("replay_parked", by.identity)
        return await _released(parked_id, parking.replay(parked_id, by.by))

    @router.post("/{parked_id}/discard", name="discard_parked")
    async def discard_parked(parked_id: str, wanted: Discarding, by: Annotated[Caller, Depends(caller)]) -> Any:
        """Let a parked record have no effect; what waits behind it takes effect."""
        await allowed("discard_parked", by.identity)
        return await _released(parked_id, parking.discard(parked_id, wanted.reason, by.by))

    return router


async def _released(parked_id: str, releasing: Awaitable[Released]) -> dict[str, Any] | Response:
    try:
        released = await releasing
    except Unreadable as wrong:
        return problem(409, "not_replayed", _NOT_YET, reason=wrong.reason, place=wrong.detail)
    except Rejected as rejected:
        return _refused(rejected)
    return {
        "parked_id": parked_id,
        "replayed": released.replayed,
        "stopped_at": released.stopped_at,
        "error": released.error,
        "receipt": shown(released.receipt),
    }


def _refused(rejected: Rejected) -> Response:
    return problem(404 if rejected.code == "parked_unknown" else 409, rejected.code, REFUSALS[rejected.code])


def _mistakes(wrong: Unreadable) -> list[tuple[str, str]]:
    """Return place and mistake of each that a detail names."""
    return [
        (place, what or wrong.reason) for place, _, what in (one.partition(": ") for one in wrong.detail.split("; "))
    ]


def _shown(parked: Parked) -> dict[str, Any]:
    fact = parked.fact.model_dump(mode="json")
    return {**fact, "mended": parked.data is not None, "settled": parked.settled}
