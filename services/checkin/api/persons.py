"""How a person is rung, what is said then, and their PINs, over HTTP. Whoever has PINs shows the current one to change any of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.checkin.api.models import App, WorkerId, clear
from services.checkin.api.person_models import CodeWordsBody, CurrentPinBody, PhonesBody, PinsBody
from services.checkin.api.pinned import CURRENT_PIN, Commanding, pinned
from services.checkin.application import CodeWordsGiven
from shared.runtime.web import answer

router = APIRouter(prefix="/workers", tags=["people"], route_class=pinned(CURRENT_PIN))


@router.put("/{worker_id}/phones", name="set_phones")
async def set_phones(worker_id: WorkerId, body: PhonesBody, by: Commanding, app: App) -> dict[str, Any]:
    """Say under which numbers a person is rung from now on; what is left out is no number any more."""
    current = clear(body.current_pin)
    return answer(await app.set_phones(by, worker_id, clear(body.mobile), clear(body.home), current))


@router.put("/{worker_id}/code-words", name="set_code_words")
async def set_code_words(worker_id: WorkerId, body: CodeWordsBody, by: Commanding, app: App) -> dict[str, Any]:
    """Say by which words a person says on the telephone how they are; what is left out is no word any more."""
    given = CodeWordsGiven(clear(body.challenge), clear(body.all_well), clear(body.duress))
    return answer(await app.set_code_words(by, worker_id, given, clear(body.current_pin)))


@router.put("/{worker_id}/pins", name="set_pins")
async def set_pins(worker_id: WorkerId, body: PinsBody, by: Commanding, app: App) -> dict[str, Any]:
    """Choose a PIN to check in with, and another one for duress. Whoever has PINs sends the current one, too."""
    pin, duress_pin = body.pin.get_secret_value(), body.duress_pin.get_secret_value()
    return answer(await app.set_pins(by, worker_id, pin, duress_pin, clear(body.current_pin)))


@router.delete("/{worker_id}/pins", name="remove_pins")
async def remove_pins(
    worker_id: WorkerId, by: Commanding, app: App, body: CurrentPinBody | None = None
) -> dict[str, Any]:
    """Let a person check in without a PIN. Whoever is no administrator sends the current one."""
    return answer(await app.remove_pins(by, worker_id, clear(body.current_pin) if body else None))
