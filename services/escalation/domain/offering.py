"""Whom a task is offered, first and when it passes on. Pure; when that is due is for ``turns`` and ``tasks``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from services.escalation.domain.asking import ask, in_parts
from services.escalation.domain.runs import LadderRun, TaskRun
from services.escalation.domain.state import Escalation
from services.escalation.domain.triggers import Directory
from shared.contracts.base import Cites, Event
from shared.contracts.ladders import Step, Task
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.tasks import TaskPassedOn

Reason = Literal["untaken", "unfinished", "given_back", "reached_nobody"]
"""Why a task passes on."""


def next_offer(
    escalation: Escalation, task: Task, so_far: TaskRun, directory: Directory, *, but: str | None = None
) -> Mapping[str, tuple[Role, ...]]:
    """Return whom a task is offered next: all holders of the next role that somebody holds who was not offered it yet.

    Empty where nobody is left. A role whose holders were all offered it as holders of another only costs time, and so
    does one that only whoever let it lapse holds (``but``).
    """
    known = {*so_far.offered, escalation.worker_id, but}
    had = max((number for number, role in enumerate(task.who, start=1) if role in so_far.roles), default=0)
    for role in task.who[had:]:
        holders = directory.holders.get(role, ())
        if role in RESPONDERS and not known.issuperset(holders):  # nobody else may be told, or could act on it
            return {holder: (role,) for holder in holders if holder != escalation.worker_id}
    return {}


def passed_on(
    escalation: Escalation, run: LadderRun, so_far: TaskRun, reason: Reason, directory: Directory, now: datetime
) -> list[Event]:
    """Return that a task is free, and whom it is offered now. Nobody left: the ladder's next step is all that follows."""
    step = run.step(so_far.step)
    if step is None or step.task is None:
        return []  # no task of this ladder
    offer = next_offer(escalation, step.task, so_far, directory, but=so_far.holder)
    if reason in {"unfinished", "given_back"}:
        offer = _offered_again(so_far, offer, step.task, directory)
    asks = ask(escalation, offer)
    further = run.last == so_far.step and next_offer(escalation, step.task, so_far.offered_to(asks), directory)
    return in_parts(
        TaskPassedOn(
            escalation_id=escalation.escalation_id,
            ladder_no=run.no,
            step=so_far.step,
            reason=reason,
            by=so_far.holder,
            asks=asks,
            passes_on_at=now + step.task.take_within.span if further else None,
            cites=_cites(step, step.task, reason),
        )
    )


def _offered_again(
    so_far: TaskRun, offer: Mapping[str, tuple[Role, ...]], task: Task, directory: Directory
) -> Mapping[str, tuple[Role, ...]]:
    """Return all who were offered it and may still act, and the next, but not who held it unless there is nobody else."""
    named = so_far.roles.union(*offer.values())
    roles = [role for role in dict.fromkeys(task.who) if role in named]
    people = dict.fromkeys((*(worker for worker in so_far.offered if worker in directory.everyone), *offer))
    others = [worker for worker in people if worker != so_far.holder]
    if not others and so_far.holder in directory.everyone:
        others = [so_far.holder]
    return {worker: directory.roles_of(worker, roles) for worker in others}


def _cites(step: Step, task: Task, reason: Reason) -> Cites:
    """Return what says that it passes on: the time to take it, the time to finish it, or the step itself."""
    return {"untaken": task.take_within.cites, "unfinished": task.finish_within.cites}.get(reason, step.cites)
