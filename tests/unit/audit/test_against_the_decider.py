"""What a timeline expects of an escalation is what the escalation itself awaits, whatever people do and time brings.

The histories are those that the real decider gives for random afternoons; audit knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.domain import timeline
from services.escalation.domain import (
    ESCALATION,
    Acknowledge,
    Command,
    Directory,
    DoTask,
    Escalation,
    GiveBackTask,
    HandOverTask,
    PersonNotReached,
    Raise,
    Resolve,
    TakeTask,
    TaskNo,
    TaskResult,
    command_for,
)
from shared.contracts.ladders import Ladder, Outcome, Trigger
from shared.contracts.roles import Role
from shared.decider import Rejected
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.examples import SUE, T0, VISIT, WALT, cites
from tests.unit.audit.protocol import ADA, DURESS, OUTCOMES, PROTOCOL

LIZ, ADAM = "liz", "adam"
PEOPLE = (ADA, ADAM, SUE, LIZ)
DIRECTORY = Directory(
    {Role.ADMINISTRATOR: (ADA, ADAM), Role.SUPERVISOR: (SUE,), Role.LINE_MANAGER: (LIZ,)}, everyone=PEOPLE
)
IN_HAND = Outcome(code="in_hand", says="In hand", leads_to="acknowledged", cites=cites("in hand"))
EMERGENCY = Outcome(code="emergency", says="Call", leads_to="emergency", cites=cites("emergency"))
EVERY_OUTCOME = (*OUTCOMES, IN_HAND, EMERGENCY)


def ladder(frozen: Ladder) -> Ladder:
    """Return a ladder whose tasks have every kind of outcome."""
    steps = tuple(
        step.model_copy(update={"task": step.task.model_copy(update={"outcomes": EVERY_OUTCOME})})
        for step in frozen.steps
        if step.task
    )
    return frozen.model_copy(update={"steps": steps})


LADDERS: dict[str, Ladder] = {
    "check_in_missed": ladder(PROTOCOL),
    "help": ladder(PROTOCOL).model_copy(update={"trigger": "help"}),
    "duress": ladder(DURESS),
}


@dataclass
class Afternoon:
    """An escalation on its way, and what the log has of it."""

    now: datetime = T0
    state: Escalation = field(default_factory=lambda: ESCALATION.initial)
    log: list[Happened] = field(default_factory=list)

    def decide(self, command: Command) -> None:
        """Let a command take effect, or be refused."""
        try:
            events = ESCALATION.decide(command, self.state)
        except Rejected:
            return
        self.state = ESCALATION.fold(events, self.state)
        self.log += [happened(self.now, event) for event in events]

    def raised(self, trigger: Trigger, event_id: str) -> Raise:
        """Return a trigger of the visit."""
        return Raise(
            trigger=trigger,
            trigger_event_id=event_id,
            visit_id=VISIT,
            worker_id=WALT,
            site_id="north",
            due_at=None,
            policy_id="policy1",
            policy_version=1,
            ladder=LADDERS[trigger],
            directory=DIRECTORY,
            now=self.now,
        )

    def wait(self) -> None:
        """Let the next time come."""
        due = min(ESCALATION.deadlines(self.state), key=lambda it: it.due_at, default=None)
        if due is not None:
            self.now = max(self.now, due.due_at)
            self.decide(command_for(due, DIRECTORY, self.now))

    def act(self, what: int, who: str, other: int) -> None:
        """Let somebody do something with one of the tasks, or with the escalation."""
        episode, tasks = self.state.escalation_id, [(run.no, t.step) for run in self.state.ladders for t in run.tasks]
        task = TaskNo(*tasks[other % len(tasks)]) if tasks else TaskNo(1, 1)
        match what:
            case 0:
                self.decide(TakeTask(episode, task, who, "page", self.now))
            case 1:
                self.decide(HandOverTask(episode, task, who, PEOPLE[other % 4], DIRECTORY, self.now))
            case 2:
                self.decide(GiveBackTask(episode, task, who, DIRECTORY, self.now))
            case 3:
                self.do(task, who, EVERY_OUTCOME[other % len(EVERY_OUTCOME)])
            case 4:
                self.decide(Acknowledge(episode, who, "page", None, self.now))
            case 5:
                trigger: Trigger = ("check_in_missed", "help", "duress")[other % 3]
                self.decide(self.raised(trigger, f"trigger{len(self.log)}"))
            case 6:
                asked = next((run.asked for run in self.state.ladders if run.asked), frozenset())
                self.decide(PersonNotReached(min(asked, default="none"), asked, DIRECTORY, self.now))
            case _ if other == 0:
                self.decide(Resolve(episode, who, who, "met", None, None, self.now))
            case _:
                self.wait()

    def do(self, task: TaskNo, who: str, outcome: Outcome) -> None:
        """Let somebody say what came of a task."""
        of_this = f"{self.state.escalation_id}.{task}.{outcome.code}"
        raised = self.raised(outcome.raises, of_this) if outcome.raises else None
        result = TaskResult(outcome.code, {})
        self.decide(DoTask(self.state.escalation_id, task, who, "page", result, None, raised, DIRECTORY, self.now))


ACTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(PEOPLE), st.integers(0, 20), st.integers(0, 200)),
    min_size=20,
    max_size=30,
)


def awaited_by(state: Escalation, kind: str) -> list[datetime]:
    """Return the times that an escalation awaits."""
    return sorted(deadline.due_at for deadline in ESCALATION.deadlines(state) if deadline.kind == kind)


@settings(max_examples=30, deadline=None)
@given(ACTS)
def test_what_is_open_in_a_timeline_is_what_the_escalation_awaits(acts: list[tuple[int, str, int, int]]) -> None:
    afternoon = Afternoon()
    afternoon.decide(afternoon.raised("check_in_missed", "missed"))
    for what, who, other, seconds in acts:
        soonest = min((it.due_at for it in ESCALATION.deadlines(afternoon.state)), default=None)
        later = afternoon.now + timedelta(seconds=seconds)
        afternoon.now = later if soonest is None else max(afternoon.now, min(later, soonest))
        afternoon.act(what, who, other)
        told = timeline(history_of(*afternoon.log), afternoon.now)
        open_ = [line for line in told.lines if line.outcome == "open"]
        due = {
            what: sorted(it.occurred_at for it in open_ if it.what == what) for what in ("step", "resolution", "task")
        }
        assert due["step"] == awaited_by(afternoon.state, "step")
        assert due["resolution"] == awaited_by(afternoon.state, "acknowledgement")
        assert set(awaited_by(afternoon.state, "task")) <= set(due["task"])
        assert [line for line in open_ if line.what == "escalation"] == []
        assert afternoon.state.open or due == {"step": [], "resolution": [], "task": []}
        assert not [line for line in told.lines if line.outcome == "withdrawn" and "replaced" in line.sentence]
