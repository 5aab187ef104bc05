"""Escalations as JSON. Parses and answers; decides nothing. A route's name is its operation in the table of permissions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.escalation.application import Account, Application, Confirmed
from services.escalation.readmodel import list_escalations as query_escalations
from shared.contracts.base import Code, Id
from shared.runtime.identity import Identity
from shared.runtime.sealing import Keyring
from shared.runtime.service import Running
from shared.runtime.web import Caller, answer, caller, reader

router = APIRouter(prefix="/escalation")

Note = Annotated[SecretStr, Field(min_length=1, max_length=2000)]
"""What somebody adds in their own words; sealed under the key of the worker whom it is about."""


class Seen(BaseModel):
    """What somebody knew of when they decided."""

    model_config = ConfigDict(extra="forbid")

    triggers_seen: Annotated[int, Field(ge=1)] | None = None
    """As the escalation showed it. What joined later is neither taken nor ended; without it, all there is."""


class Resolution(Seen):
    """The worker is safe; of an escalation about Lonewatch itself, that it is put right."""

    confirmed_by: Id
    how: Code
    note: Note | None = None


class FalseAlarm(Seen):
    """There was no danger."""

    reason: Code
    note: Note | None = None


def _application(request: Request) -> Application:
    return cast("Application", request.app.state.application)


App = Annotated[Application, Depends(_application)]


@router.get("/escalations", name="list_escalations")
async def list_escalations(
    request: Request,
    identity: Annotated[Identity, Depends(reader)],
    application: App,
    site_id: Id | None = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
    at_least: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """List escalations of a site, or of every site for those of the operator; newest first. May lag behind the log."""
    await application.authority.authorise(identity, "list_escalations", site_id)
    running: Running = request.app.state.running
    await running.feed.reached(at_least)
    rows = await query_escalations(running.pool, site_id, is_open=is_open)
    return {"escalations": [dict(row) for row in rows]}


@router.get("/escalations/{escalation_id}", name="read_escalation")
async def read_escalation(
    escalation_id: Id, identity: Annotated[Identity, Depends(reader)], application: App
) -> dict[str, Any]:
    """Show one escalation as the log has it: its triggers, ladders and steps, who was told, and who has taken it."""
    return await _shown(await application.read(identity, escalation_id), application.keyring)


@router.post("/escalations/{escalation_id}/acknowledgement", name="acknowledge")
async def acknowledge(
    escalation_id: Id, by: Annotated[Caller, Depends(caller)], application: App, wanted: Seen | None = None
) -> dict[str, Any]:
    """Take an escalation: it is yours until it is ended, or until it runs out."""
    return answer(await application.acknowledge(by, escalation_id, "api", wanted.triggers_seen if wanted else None))


@router.post("/escalations/{escalation_id}/resolution", name="resolve")
async def resolve(
    escalation_id: Id, wanted: Resolution, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Say that the worker is safe, or that what was wrong with Lonewatch is put right."""
    confirmed = Confirmed(wanted.confirmed_by, wanted.how, _text(wanted.note), wanted.triggers_seen)
    return answer(await application.resolve(by, escalation_id, confirmed))


@router.post("/escalations/{escalation_id}/stand-down", name="stand_down")
async def stand_down(
    escalation_id: Id, wanted: FalseAlarm, by: Annotated[Caller, Depends(caller)], application: App
) -> dict[str, Any]:
    """Say that it was a false alarm."""
    note, seen = _text(wanted.note), wanted.triggers_seen
    return answer(await application.stand_down(by, escalation_id, wanted.reason, note, seen))


def _text(note: SecretStr | None) -> str | None:
    return None if note is None else note.get_secret_value()


async def _shown(account: Account, keyring: Keyring) -> dict[str, Any]:
    opened, holder, ended = account.opened, account.holder, account.ended
    note = await keyring.open_or(ended.note) if ended and ended.note else None
    return {
        "escalation_id": opened.escalation_id,
        "episode": opened.episode,
        "visit_id": opened.visit_id,
        "worker_id": opened.worker_id,
        "site_id": opened.site_id,
        "state": account.state,
        "policy_id": opened.policy_id,
        "policy_version": opened.policy_version,
        "triggers": [asdict(trigger) for trigger in account.triggers],
        "triggers_seen": len(account.triggers),
        "ladders": [{"ladder_no": ladder_no, "ladder": ladder} for ladder_no, ladder in account.ladders],
        "steps": [asdict(turn) for turn in (*account.turns, *account.to_come)],
        "next_at": account.next_at,
        "told": account.told,
        "acknowledged_by": holder and holder.by,
        "runs_out_at": holder and holder.runs_out_at,
        "acknowledgements": [asdict(taken) for taken in account.taken],
        "ended": ended and {**asdict(ended), "note": note},
        "position": account.position,
    }
