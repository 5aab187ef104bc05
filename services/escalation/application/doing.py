"""What a command needs that says what came of a task: the trigger that its outcome is, and its words sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from services.escalation.application.reading import rules_and_directory
from services.escalation.application.task_account import outcome_of
from services.escalation.application.triggering import Triggered
from shared.contracts.tasks import Answer
from shared.decider import Rejected
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from services.escalation.application.account import Account
    from services.escalation.application.permitting import Permitted
    from services.escalation.application.reading import Rules
    from services.escalation.domain import Directory
    from services.escalation.domain.task_commands import TaskNo
    from shared.contracts.base import Sealed
    from shared.contracts.escalations import EscalationOpened
    from shared.contracts.ladders import Trigger
    from shared.runtime.commands import Commands
    from shared.runtime.sealing import Keyring

log = structlog.get_logger()


@dataclass(frozen=True)
class Said:
    """What came of a task, as somebody gave it: in clear."""

    outcome: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    left_at: datetime | None = None
    called_at: datetime | None = None
    reference: str | None = None
    note: str | None = None
    triggers_seen: int | None = None


async def raised_by(
    commands: Commands, permitted: Permitted, account: Account, no: TaskNo, code: str
) -> tuple[Triggered, Rules, Directory] | None:
    """Return the trigger that an outcome is, with the ladder that its policy has for it; None for any other outcome.

    None too for a task that was never offered, unless what offered it may be what cannot be read.
    """
    if account.task(no) is None and not permitted.unreadable:
        return None
    outcome = outcome_of(account.ladders, no, code)
    if outcome is None or outcome.raises is None:
        return None
    triggered = _triggered(permitted.opened, no, code, outcome.raises)
    return triggered, *await rules_and_directory(commands.pool, triggered)


def answered(account: Account, no: TaskNo, said: Said, *, raises: bool) -> Mapping[str, Answer]:
    """Return the answers to questions that the task asks. Raises Rejected for another, unless the outcome raises a trigger."""
    task = account.task(no)
    asked = {question.code for question in task.task.questions} if task else said.answers.keys()
    if not raises and not said.answers.keys() <= asked:
        raise Rejected("question_unknown")
    return {code: answer for code, answer in said.answers.items() if code in asked}


async def seal(keyring: Keyring, opened: EscalationOpened, text: str | None, *, needed: bool) -> Sealed | None:
    """Seal what somebody wrote under the key of the worker whom it is about.

    What is not ``needed`` is left out where the keys cannot be reached: an alarm without the words is better than the
    words without an alarm.
    """
    try:
        return None if text is None else await keyring.seal(opened.worker_id, text)
    except LOST:
        if needed:
            raise
        log.warning("not_sealed_so_left_out", escalation_id=opened.escalation_id)
        return None


async def seal_once(
    keyring: Keyring, opened: EscalationOpened, text: str | None, before: Sealed | None, *, needed: bool
) -> Sealed | None:
    """Seal what somebody wrote; where the same was sealed ``before``, that stands, so the same said twice is a repeat."""
    if text is not None and before is not None:
        try:
            if await keyring.open_or(before, "") == text:
                return before
        except LOST:
            log.warning("not_compared_so_sealed_anew", escalation_id=opened.escalation_id)
    return await seal(keyring, opened, text, needed=needed)


def _triggered(opened: EscalationOpened, no: TaskNo, code: str, trigger: Trigger) -> Triggered:
    """Return what an outcome raises: the same, however often it is given."""
    return Triggered(
        trigger,
        f"{opened.escalation_id}.{no}.{code}",
        opened.worker_id,
        opened.site_id,
        opened.visit_id,
        policy_id=opened.policy_id,
        policy_version=opened.policy_version,
    )
