"""Which tasks a page shows to whom: theirs, the ones that they may take, and what became of the others. Sorts; decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.escalation.application import Account, Application, Briefing, TaskAccount
from services.escalation.application.people import opened
from shared.runtime.identity import Identity

_NUMBER = re.compile(r"\+?\d[\d ()./-]*")
"""A telephone number within what somebody wrote: up to the first thing that belongs to none."""

_TRUNK = "(0)"
"""Stands in numbers that are dialled without it from abroad, and so after a plus."""


@dataclass(frozen=True)
class Desk:
    """The tasks of an escalation, as one person sees them."""

    held: tuple[tuple[TaskAccount, Briefing], ...]
    """Theirs, with what they need for it."""
    handed: tuple[TaskAccount, ...]
    """Somebody asks them to take these over."""
    offered: tuple[TaskAccount, ...]
    """These are free, and they may take them."""
    others: tuple[TaskAccount, ...]
    """What others have, and what was done or stopped."""
    heard: TaskAccount | None
    """The newest task that is not theirs of which they may know an outcome that raises: by chance, late, after its end."""
    written: Mapping[str, tuple[str, ...]]
    """What was written about each task that is done: the reference of a call, a note."""


async def desk_of(application: Application, account: Account, identity: Identity) -> Desk:
    """Return the tasks as this person sees them."""
    me = identity.worker_id
    held = [task for task in account.tasks if task.state == "taken" and task.holder == me]
    handed = [task for task in account.tasks if task.state == "taken" and task.handed_to == me]
    offered = [task for task in account.tasks if task.state == "offered" and me in task.offered_to]
    theirs = [*held, *handed, *offered]
    others = [task for task in account.tasks if task not in theirs]
    known = () if account.ended else {triggering.trigger for triggering in account.triggers}
    heard = [
        task
        for task in account.tasks
        if task not in held and any(outcome.raises not in known for outcome in task.raising)
    ]
    briefed = [(task, await application.briefing_of(account, task, identity)) for task in held]
    written = {str(task.no): await _written(application, task) for task in account.tasks}
    return Desk(tuple(briefed), tuple(handed), tuple(offered), tuple(others), heard[-1] if heard else None, written)


async def _written(application: Application, task: TaskAccount) -> tuple[str, ...]:
    sealed = (task.done.reference, task.done.note) if task.done else ()
    return tuple([await opened(application.keyring, one) for one in sealed if one is not None])


def dial(phone: str) -> str | None:
    """Return what a phone dials for a number as somebody wrote it; None where that is no number."""
    found = _NUMBER.search(phone)
    if found is None:
        return None
    number = found[0].replace(_TRUNK, "") if found[0].startswith("+") else found[0]
    return "".join(character for character in number if character in "+0123456789")
