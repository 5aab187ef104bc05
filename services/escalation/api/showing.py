"""How an escalation looks as JSON. Sealed fields are opened for whoever may read it; some only for whoever holds a task."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from services.escalation.application.people import opened as opened_text

if TYPE_CHECKING:
    from services.escalation.application import Account, Application, TaskAccount
    from services.escalation.application.task_account import Done
    from shared.contracts.base import Sealed
    from shared.runtime.identity import Identity
    from shared.runtime.sealing import Keyring


async def shown(application: Application, account: Account, identity: Identity) -> dict[str, Any]:
    """Return an escalation as whoever asks may see it."""
    opened, holder, ended = account.opened, account.holder, account.ended
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
        "ladders": [
            {"ladder_no": ladder_no, "ladder": ladder, "stopped": ladder_no in account.stopped}
            for ladder_no, ladder in account.ladders
        ],
        "steps": [asdict(turn) for turn in (*account.turns, *account.to_come)],
        "tasks": [await _task(application, account, task, identity) for task in account.tasks],
        "next_at": account.next_at,
        "told": account.told,
        "acknowledged_by": holder and holder.by,
        "runs_out_at": holder and holder.runs_out_at,
        "acknowledgements": [asdict(taken) for taken in account.taken],
        "ended": ended and {**asdict(ended), "note": await _text(application.keyring, ended.note)},
        "position": account.position,
    }


async def _task(application: Application, account: Account, task: TaskAccount, identity: Identity) -> dict[str, Any]:
    said = {
        "task": str(task.no),
        "ladder_no": task.no.ladder_no,
        "step": task.no.step,
        "key": task.step.key,
        "name": task.step.name,
        "state": task.state,
        "who": task.task.who,
        "calls": task.task.calls,
        "offered_at": task.offered_at,
        "offered_to": task.offered_to,
        "holder": task.holder,
        "handed_to": task.handed_to,
        "passes_on_at": task.passes_on_at,
        "script": task.task.script,
        "questions": [{"code": question.code, "ask": question.ask} for question in task.task.questions],
        "outcomes": [
            outcome.model_dump(include={"code", "says", "records", "leads_to", "raises"})
            for outcome in task.task.outcomes
        ],
        "done": task.done and await _done(application.keyring, task.done),
        "cites": task.step.cites,
    }
    if task.state != "taken" or task.holder != identity.worker_id:
        return said
    briefing = await application.briefing_of(account, task, identity)
    return said | {
        "to_ring": [asdict(one) for one in briefing.to_ring],
        "code_words": briefing.code_words and asdict(briefing.code_words),
        "read_out": briefing.read_out and asdict(briefing.read_out),
    }


async def _done(keyring: Keyring, done: Done) -> dict[str, Any]:
    return {
        "by": done.by,
        "at": done.said_at,
        "outcome": done.outcome,
        "answers": done.answers,
        "left_at": done.left_at,
        "called_at": done.called_at,
        "reference": await _text(keyring, done.reference),
        "note": await _text(keyring, done.note),
        "late": done.late,
    }


async def _text(keyring: Keyring, sealed: Sealed | None) -> str | None:
    return await opened_text(keyring, sealed) if sealed else None
