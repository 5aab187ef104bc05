"""What somebody does with a task: take it, hand it over, give it back, say what came of it.

A task is named by its ladder and its step, as ``1-2``.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.escalation.api.models import App, Body, Handover, Outcome, clear
from services.escalation.application import Said
from shared.contracts.base import Id
from shared.runtime.web import Caller, answer, caller

router = APIRouter(prefix="/escalations/{escalation_id}/tasks/{task}")


@router.post("/taking", name="take_task")
async def take_task(
    escalation_id: Id,
    task: str,
    by: Annotated[Caller, Depends(caller)],
    application: App,
    _nothing: Body | None = None,
) -> dict[str, Any]:
    """Take a task, or accept one that was handed to you: nobody else holds it from here on."""
    return answer(await application.tasking.take(by, escalation_id, task, "api"))


@router.post("/handover", name="hand_over_task")
async def hand_over_task(
    escalation_id: Id, task: str, wanted: Handover, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Ask somebody to take a task that you hold. It stays yours until they do."""
    return answer(await application.tasking.hand_over(by, escalation_id, task, wanted.to))


@router.post("/return", name="give_back_task")
async def give_back_task(
    escalation_id: Id,
    task: str,
    by: Annotated[Caller, Depends(caller)],
    application: App,
    _nothing: Body | None = None,
) -> dict[str, Any]:
    """Give back a task that you hold: it is offered to others at once."""
    return answer(await application.tasking.give_back(by, escalation_id, task))


@router.post("/outcome", name="do_task")
async def do_task(
    escalation_id: Id, task: str, wanted: Outcome, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Say what came of a task. One that nobody holds is taken by that; an outcome that raises a trigger always counts."""
    said = Said(
        outcome=wanted.outcome,
        answers=wanted.answers,
        left_at=wanted.left_at,
        called_at=wanted.called_at,
        reference=clear(wanted.reference),
        note=clear(wanted.note),
        triggers_seen=wanted.triggers_seen,
    )
    return answer(await application.tasking.do(by, escalation_id, task, said, "api"))
