"""Events of escalation. Topic ``lonewatch.escalations.v1``, stream ``escalation-<visit or worker>``, episodes numbered."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts import tasks
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Code, Event, Id, Instant, Sealed
from shared.contracts.ladders import Ladder, Trigger
from shared.contracts.troubles import Trouble

SYSTEM = "system.operator"
"""The subject of escalations about Lonewatch itself: stream ``escalation-system.operator``. No visit or worker can have it."""


class EscalationOpened(Event):
    """A trigger came and none was open: the ladder of the policy is frozen here and runs from here."""

    type: ClassVar[str] = "escalation.opened.v1"
    escalation_id: Id
    episode: int
    visit_id: Id | None
    worker_id: Id
    site_id: Id
    trigger: Trigger
    trigger_event_id: Id
    due_at: Instant | None
    """The deadline that was missed, its grace included; None for help."""
    policy_id: Id | None
    policy_version: int | None
    ladder: Ladder | None
    """None where the policy could not be read: then everyone of the site is told at once."""
    ladder_no: int
    late: Code | None = None
    """Why the trigger was recorded later than promised, as the trigger says it."""
    trouble: Trouble | None = None
    """What is wrong with us, for the triggers ``trouble`` and ``system``."""


class EscalationJoined(Event):
    """Another trigger came while one is open: its owner and everyone told so far learn of it at once."""

    type: ClassVar[str] = "escalation.joined.v1"
    escalation_id: Id
    trigger: Trigger
    trigger_event_id: Id
    due_at: Instant | None
    ladder: Ladder | None
    """The ladder of a graver trigger, frozen now; None where the trigger is no graver or the policy is unreadable."""
    ladder_no: int | None
    """Number of the ladder that this trigger starts; None where it starts none."""
    policy_id: Id | None = None
    """The policy that the ladder was frozen from, with its version; None where none was."""
    policy_version: int | None = None
    late: Code | None = None
    trouble: Trouble | None = None
    worker_id: Id | None = None
    """Whom it is about, where nothing readable had named the worker when the episode was opened."""
    stopped: tuple[int, ...] = ()
    """The ladders that this trigger's own ladder stops: it runs instead of them."""
    asks: tuple[Ask, ...]
    part: int = 1
    """From 1. Who is told goes over several events of one decision where they are many; all but the asks is the same."""


class StepStarted(Event):
    """A step of a ladder began. ``asks`` may be empty: then nobody holds its roles, and that is recorded here."""

    type: ClassVar[str] = "escalation.step_started.v1"
    escalation_id: Id
    ladder_no: int
    step: int
    """From 1."""
    name: str
    asks: tuple[Ask, ...]
    part: int = 1
    next_at: Instant
    """When the next step starts, or the ladder is exhausted, unless somebody acknowledges before."""
    passes_on_at: Instant | None = None
    """Of a step that is a task: untaken until then, it is offered to the next. None: there is no other to offer it to."""
    task: bool = False
    """Whether the step is a task, offered to ``asks``; what it is stands in the ladder."""
    cites: Cites


class StepReachedNobody(Event):
    """None of those whom a step asked could be told; the next step starts at once."""

    type: ClassVar[str] = "escalation.step_reached_nobody.v1"
    escalation_id: Id
    ladder_no: int
    turn: int
    """Of the ladder: its steps from 1, then its rounds of exhaustion."""
    next_at: Instant


class EscalationAcknowledged(Event):
    """Somebody has taken it. It is ownership, not the end: it runs out at ``runs_out_at``."""

    type: ClassVar[str] = "escalation.acknowledged.v1"
    escalation_id: Id
    by: Id
    via: Literal["page", "reply", "api"]
    ladders: tuple[int, ...]
    """The ladders that this stops."""
    running: tuple[int, ...] = ()
    """The ladders that go on all the same: their triggers came after what this person had seen."""
    runs_out_at: Instant
    cites: Cites


class AcknowledgementRanOut(Event):
    """Whoever had taken it did not bring it to an end in time: it alarms again, and the ladders go on at ``next_at``."""

    type: ClassVar[str] = "escalation.acknowledgement_ran_out.v1"
    escalation_id: Id
    by: Id
    ladders: tuple[int, ...] = ()
    """The ladders that go on."""
    asks: tuple[Ask, ...]
    part: int = 1
    next_at: Instant
    cites: Cites = Cites()
    """What says how long it was to last."""


class EscalationExhausted(Event):
    """No step is left and nobody has taken it: everyone of the site is told, again and again."""

    type: ClassVar[str] = "escalation.exhausted.v1"
    escalation_id: Id
    ladder_no: int
    round: int
    asks: tuple[Ask, ...]
    part: int = 1
    next_at: Instant
    cites: Cites


class EscalationResolved(Event):
    """The worker is confirmed safe: by whom, and how. Everyone who was told gets the all-clear."""

    type: ClassVar[str] = "escalation.resolved.v1"
    escalation_id: Id
    visit_id: Id | None
    worker_id: Id | None = None
    site_id: Id | None = None
    by: Id
    confirmed_by: Id
    how: Code
    note: Sealed | None
    asks: tuple[Ask, ...]
    part: int = 1


class EscalationStoodDown(Event):
    """A false alarm: by whom, and why. Everyone who was told gets the all-clear."""

    type: ClassVar[str] = "escalation.stood_down.v1"
    escalation_id: Id
    visit_id: Id | None
    worker_id: Id | None = None
    site_id: Id | None = None
    by: Id
    reason: Code
    note: Sealed | None
    asks: tuple[Ask, ...]
    part: int = 1


class EscalationLapsed(Event):
    """What was awaited came: nobody has to be reached any more. Only where nothing graver than that had been raised."""

    type: ClassVar[str] = "escalation.lapsed.v1"
    escalation_id: Id
    visit_id: Id | None
    worker_id: Id | None = None
    site_id: Id | None = None
    reason: Code
    """What came, as ``visit_started``."""
    asks: tuple[Ask, ...]
    part: int = 1


EVENTS: tuple[type[Event], ...] = (
    EscalationOpened,
    EscalationJoined,
    StepStarted,
    StepReachedNobody,
    EscalationAcknowledged,
    AcknowledgementRanOut,
    EscalationExhausted,
    *tasks.EVENTS,
    EscalationResolved,
    EscalationStoodDown,
    EscalationLapsed,
)
