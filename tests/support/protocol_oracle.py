"""When each thing of a ladder must happen, worked out from the rules as written and from nothing of escalation's own code.

Reads ladders as a policy's JSON has them. No clock, no database: from what people do, and when, follows a list of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

GRAVEST_FIRST = (("duress",), ("help",), ("unsafe", "break_in"), ("check_in_missed",), ("safeguarding",))
"""Which trigger starts a ladder of its own beside one that runs: one that stands before all that came so far."""

APART = "safeguarding"
"""Reaches other people than the rest: its ladder starts, once, whatever runs."""

_SPAN = re.compile(
    r"(\d+(?:\.\d+)?) (second|minute|hour|day)s?|P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)


def seconds_of(span: str) -> int:
    """Read a span as policies write it, ``5 minutes`` or ``PT5M``."""
    found = _SPAN.fullmatch(span)
    assert found, f"{span} is no span"
    if found[1]:
        return round(float(found[1]) * {"second": 1, "minute": 60, "hour": 3600, "day": 86400}[found[2]])
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[2:])
    return round(days * 86400 + hours * 3600 + minutes * 60 + seconds)


NAMED = frozenset(
    {
        "face_to_face",
        "not_open",
        "outcome_unknown",
        "own_escalation",
        "task_done",
        "task_stopped",
        "task_taken",
        "task_unknown",
    }
)
"""Codes with which a rule says no. Others are refused too, under whatever code."""

OTHER = "other"


class Act(NamedTuple):
    """What somebody does, so many seconds after the trigger."""

    at: int
    who: str
    what: str
    """``take``, ``outcome``, ``give_back``, ``hand_over``, ``acknowledge``, ``resolve`` with how as outcome, or ``raise`` with
    the trigger as outcome."""
    ladder: int = 1
    step: int = 0
    outcome: str = ""
    to: str = ""


class Row(NamedTuple):
    """What must happen, so many seconds after the trigger."""

    at: int
    what: str
    ladder: int = 0
    step: int = 0
    who: tuple[str, ...] = ()
    detail: str = ""


@dataclass
class _Task:
    """Who has been offered a task, who has it, when it passes on."""

    roles: int
    """How many of its roles have been asked so far."""
    offered: list[str]
    holder: str = ""
    handed_to: str = ""
    passes_on_at: int | None = None
    done: tuple[str, str] | None = None
    """By whom, with which outcome."""


@dataclass
class _Run:
    """One ladder."""

    number: int
    ladder: Mapping[str, Any]
    turn: int = 0
    """The step that started last; past the last step once everyone has been told."""
    next_turn: int = 1
    next_at: int = 0
    round: int = 0
    round_at: int | None = None
    """When everyone is told again; no step that somebody still sends for delays that."""
    held: bool = False
    stopped: bool = False
    tasks: dict[int, _Task] = field(default_factory=dict)
    started: set[int] = field(default_factory=set)

    @property
    def trigger(self) -> str:
        return str(self.ladder["trigger"])

    @property
    def runs(self) -> bool:
        return not (self.held or self.stopped)

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        steps: Sequence[Mapping[str, Any]] = self.ladder["steps"]
        return steps

    @property
    def last(self) -> int:
        return len(self.steps)

    def span(self, name: str) -> int:
        return seconds_of(self.ladder[name]["span"])

    def number_of(self, key: str | None) -> int | None:
        return next((number for number, step in enumerate(self.steps, 1) if key and step.get("key") == key), None)

    def following(self, number: int) -> int:
        """Return the turn that a step says follows it: never one before it."""
        then = self.steps[number - 1].get("then")
        if then == "exhausted":
            return self.last + 1
        named = self.number_of(then)
        return named if named is not None and named > number else number + 1

    def after(self, number: int) -> int:
        """Return the turn to which the timeout of a step leads: never to a step that was."""
        following = self.following(number)
        while following in self.started:
            following += 1
        return following


@dataclass
class Oracle:
    """One escalation, from its trigger to its end."""

    ladders: Mapping[str, Mapping[str, Any]]
    """Of the policy, by trigger."""
    holders: Mapping[str, Sequence[str]]
    """Who holds which role."""
    worker: str
    unreachable: frozenset[str] = frozenset()
    """Whom no message reaches."""
    rows: list[Row] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """The triggers that came."""
    owner: str = ""
    runs_out_at: int | None = None
    over: bool = False

    def tell(self, trigger: str, acts: Iterable[Act], until: int) -> list[Row]:
        """Return what happens from the trigger on. An act counts before whatever falls due at the same instant."""
        self._raise(trigger, 0)
        for act in sorted(acts):
            self.pass_time(act.at - 1)
            self.act(act)
        self.pass_time(until)
        return self.rows

    # ------------------------------------------------------------------------------------------------ what falls due

    def pass_time(self, until: int) -> None:
        """Let everything happen that falls due until then."""
        now = 0
        while not self.over and (due := min(self._due(), default=None)) and max(due[0], now) <= until:
            now = max(due[0], now, self.rows[-1].at)
            if now > until:
                return
            at_this = [one for one in self._due() if one[0] <= now]
            kind, ladder, step = min(one[1:] for one in at_this)
            if kind == 0:
                self._runs_out(now)
            elif kind == 1:
                self._start(self.runs[ladder - 1], self.runs[ladder - 1].next_turn, now)
            else:
                task = self.runs[ladder - 1].tasks[step]
                self._pass_on(self.runs[ladder - 1], step, now, "unfinished" if task.holder else "untaken")

    def _due(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield what falls due: when, its kind, and of what. At one instant a step comes before a task that passes on."""
        if self.runs_out_at is not None:
            yield self.runs_out_at, 0, 0, 0
        for run in self.runs:
            if run.runs:
                yield run.next_at, 1, run.number, 0
                task = run.tasks.get(run.turn)
                if task and not task.done and task.passes_on_at is not None:
                    yield task.passes_on_at, 2, run.number, run.turn

    def _start(self, run: _Run, turn: int, now: int) -> None:
        run.turn = turn
        if turn > run.last:
            run.round += 1
            run.next_turn, run.next_at = turn, now + run.span("repeat_every")
            run.round_at = run.next_at
            self._row(now, "exhausted", run, 0, self._everyone(), str(run.round))
            return
        step = run.steps[turn - 1]
        run.started.add(turn)
        task = step.get("task")
        if task:
            run.tasks[turn] = _Task(0, [])
            asked = self._next_role(task["who"], run.tasks[turn])
            run.tasks[turn].offered = asked
            self._arm(run, turn, now)
        else:
            asked = [one for role in step["notify"] for one in self._holding(role)]
        run.next_turn = run.last + 1 if run.round else run.after(turn)
        run.next_at = now + seconds_of(step["wait"]) if asked else now
        if run.round_at is not None:
            run.next_at = max(now, min(run.next_at, run.round_at))
        self._row(now, "step", run, turn, asked)
        if asked:
            self._tried(run, turn, asked, now)
        else:
            self._start(run, run.next_turn, now)

    def _tried(self, run: _Run, number: int, asked: Iterable[str], now: int) -> None:
        """Where no message reaches anybody who was asked, the next role is, or the next step comes."""
        if set(asked) - self.unreachable or not asked or run.turn != number or not run.runs or run.next_at <= now:
            return
        task = run.tasks.get(number)
        if task is None:
            run.next_at = now
        elif not task.holder and not set(task.offered) - self.unreachable:
            if self._further(run, number):
                self._pass_on(run, number, now, "reached_nobody")
            else:
                run.next_at = now

    def _pass_on(self, run: _Run, number: int, now: int, reason: str) -> None:
        """Free a task, and offer it to the next role, and to all who had it offered where somebody let it lapse."""
        task = run.tasks[number]
        before, lapsed = list(task.offered), task.holder
        task.holder = task.handed_to = ""
        asked = self._next_role(run.steps[number - 1]["task"]["who"], task, lapsed)
        if reason in {"unfinished", "given_back"}:
            asked = [*before, *asked]
            asked = [one for one in asked if one != lapsed] or [lapsed]
        task.offered = list(dict.fromkeys([*before, *asked]))
        self._arm(run, number, now)
        if asked or reason != "untaken":
            self._row(now, "passed_on", run, number, asked, reason)
        self._tried(run, number, asked, now)

    def _arm(self, run: _Run, number: int, now: int) -> None:
        task, rule = run.tasks[number], run.steps[number - 1]["task"]
        further = self._further(run, number)
        task.passes_on_at = now + seconds_of(rule["take_within"]["span"]) if further else None

    def _further(self, run: _Run, number: int) -> bool:
        roles, task = run.steps[number - 1]["task"]["who"], run.tasks[number]
        return any(self._fresh(role, task) for role in roles[task.roles :])

    def _fresh(self, role: str, task: _Task) -> list[str]:
        """Return who holds a role and has not been offered the task yet."""
        return [one for one in self._holding(role) if one not in task.offered]

    def _next_role(self, roles: Sequence[str], task: _Task, but: str = "") -> list[str]:
        """Return who holds the next role that brings anybody new, but for the one who let it lapse: their turn may come."""
        for number in range(task.roles, len(roles)):
            if self._fresh(roles[number], task):
                asked = [one for one in self._holding(roles[number]) if one != but]
                task.roles = number + 1 if asked else task.roles
                return asked
        return []

    def _runs_out(self, now: int) -> None:
        self._row(now, "ran_out", None, 0, [self.owner])
        self.owner, self.runs_out_at = "", None
        for run in self.runs:
            if run.held:
                run.held, run.next_at = False, now

    # ------------------------------------------------------------------------------------------------ what people do

    def act(self, act: Act) -> None:
        """Let somebody do something; where a rule says no, that is a row too."""
        if act.what == "raise":
            if self.over:
                self._begin_anew()
            self._raise(act.outcome, act.at)
            return
        before = len(self.rows)
        refused = self._refused(act)
        if refused:
            del self.rows[before:]
            self._row(act.at, "refused", None, 0, [act.who], refused if refused in NAMED else "")

    def _refused(self, act: Act) -> str:
        """Do it; return the code of the rule that says no, or nothing."""
        if self.over:
            return self._reopen(act)
        if act.who == self.worker:
            return "own_escalation"
        if act.what == "resolve":
            if self._proves_nothing(act.outcome):
                return "face_to_face"
            self._end(act.at, act.who)
            return ""
        if act.what == "acknowledge":
            return self._acknowledge(act.at, act.who)
        run = next((one for one in self.runs if one.number == act.ladder), None)
        if run is None or act.step not in run.tasks:
            return "task_unknown"
        if act.what == "outcome":
            return self._outcome(run, act)
        task = run.tasks[act.step]
        if task.done:
            return "task_done"
        if run.stopped:
            return "task_stopped"
        if act.what == "take":
            return self._take(run, act)
        if task.holder != act.who:
            return OTHER
        if act.what == "give_back":
            self._pass_on(run, act.step, act.at, "given_back")
        elif act.to == self.worker:
            return OTHER
        elif task.handed_to != act.to:
            task.handed_to = act.to
            self._row(act.at, "handed_over", run, act.step, [act.who], act.to)
        return ""

    def _take(self, run: _Run, act: Act) -> str:
        task = run.tasks[act.step]
        if task.holder == act.who:
            return ""
        if task.holder and task.handed_to != act.who:
            return "task_taken"
        task.holder, task.handed_to = act.who, ""
        ahead = run.turn == act.step
        rule = run.steps[act.step - 1]["task"]
        task.passes_on_at = act.at + seconds_of(rule["finish_within"]["span"]) if ahead else None
        self._row(act.at, "taken", run, act.step, [act.who])
        return ""

    def _outcome(self, run: _Run, act: Act) -> str:
        task = run.tasks[act.step]
        rule = run.steps[act.step - 1]["task"]
        found = next((one for one in rule["outcomes"] if one["code"] == act.outcome), None)
        if found is None:
            return "outcome_unknown"
        raises = found.get("raises")
        if task.done == (act.who, act.outcome):
            return ""
        why = "task_done" if task.done else "task_taken" if task.holder not in {"", act.who} else ""
        why = why or ("task_stopped" if run.stopped else "")
        if why and not raises:
            return why
        if self._ends_all(run, found) and self._proves_nothing(found["how"]):
            return "face_to_face"
        if not task.done and task.holder in {"", act.who}:
            if not task.holder:
                self._row(act.at, "taken", run, act.step, [act.who])
            task.holder, task.done = act.who, (act.who, act.outcome)
            late = "late" if run.turn != act.step else ""
            self._row(act.at, "done", run, act.step, [act.who], f"{act.outcome} {late}".strip())
            if not run.stopped:
                self._lead(run, act, found)
        if raises and not self.over:
            self._raise(raises, act.at)
        return ""

    def _reopen(self, act: Act) -> str:
        """After the end an outcome that is a trigger is one all the same; nothing else counts any more."""
        run = next((one for one in self.runs if one.number == act.ladder and act.step in one.tasks), None)
        outcomes = run.steps[act.step - 1]["task"]["outcomes"] if run else ()
        raises = next((one.get("raises") for one in outcomes if one["code"] == act.outcome), None)
        if not raises or act.who == self.worker:
            return "not_open"
        self._begin_anew()
        self._raise(raises, act.at)
        return ""

    def _begin_anew(self) -> None:
        self.over, self.runs, self.seen, self.owner, self.runs_out_at = False, [], [], "", None

    def _lead(self, run: _Run, act: Act, outcome: Mapping[str, Any]) -> None:
        """Take the ladder where an outcome leads: never back, never later than it would have gone on."""
        leads_to = outcome.get("leads_to")
        if leads_to is None:
            return
        if leads_to == "resolved":
            if self._ends_all(run, outcome):
                self._end(act.at, act.who)
            else:
                self._acknowledge(act.at, act.who, [run])
            return
        if leads_to == "acknowledged":
            # Whoever has one matter in hand has the lesser ones, too: no graver one, and none that is for other people.
            own = run.trigger
            lesser = [one for one in self.runs if own != APART != one.trigger and _rank(one.trigger) >= _rank(own)]
            self._acknowledge(act.at, act.who, [run, *lesser])
            return
        target = run.number_of(leads_to) or run.following(act.step)
        everyone = target > run.last
        timed = not run.round and run.turn == act.step and run.next_turn == run.after(act.step)
        skipped = run.turn < target < run.next_turn <= run.last and not timed  # another outcome has led past it
        ahead = act.step < target and (run.turn < target or run.round > 0) and not skipped
        fresh = ahead and target not in run.started
        if run.turn == act.step if everyone else fresh:
            after = seconds_of(outcome["after"]) if outcome.get("after") else 0
            run.next_turn, run.next_at = target, min(run.next_at, act.at + after)

    def _ends_all(self, run: _Run, outcome: Mapping[str, Any]) -> bool:
        """Whether it is all over with this: what is for other people ends nobody else's matter, nor does a trigger."""
        alone = run.trigger != APART or all(one is run or one.stopped for one in self.runs)
        return outcome.get("leads_to") == "resolved" and not outcome.get("raises") and alone

    def _proves_nothing(self, how: str) -> bool:
        """Whether somebody was only spoken with who may be made to say that they are well."""
        return "duress" in self.seen and how == "spoke_with_worker"

    def _acknowledge(self, now: int, who: str, only: Sequence[_Run] | None = None) -> str:
        free = [run for run in (self.runs if only is None else only) if run.runs]
        if not free:
            return OTHER if self.owner not in {"", who} else ""
        before = [self.runs_out_at] if any(run.held and not run.stopped for run in self.runs) else []
        for run in free:
            run.held = True
        lasts = [run.span("acknowledgement_lasts") for run in self.runs if run.held and not run.stopped]
        self.owner = who
        self.runs_out_at = min(at for at in (*before, now + min(lasts)) if at is not None)
        self._row(now, "acknowledged", None, 0, [who])
        return ""

    def _raise(self, trigger: str, now: int) -> None:
        """Open with a trigger, or let it join: one that is graver, or apart, starts a ladder of its own."""
        graver = not self.seen or min(map(_rank, self.seen)) > _rank(trigger)
        starts = graver or (trigger == APART and APART not in self.seen)
        self.seen.append(trigger)
        if not starts:
            self._row(now, "joined", None, 0, [], trigger)
            return
        run = _Run(len(self.runs) + 1, self.ladders[trigger])
        if run.ladder.get("instead"):
            for one in self.runs:
                one.stopped = one.stopped or one.trigger != APART
        self.runs.append(run)
        self._row(now, "opened" if run.number == 1 else "joined", run, 0, [], trigger)
        self._start(run, 1, now)

    def _end(self, now: int, who: str) -> None:
        self.over = True
        self._row(now, "ended", None, 0, [who])

    # ------------------------------------------------------------------------------------------------------- who is there

    def _holding(self, role: str) -> list[str]:
        return [one for one in self.holders.get(role, ()) if one != self.worker]

    def _everyone(self) -> list[str]:
        return [one for role in self.holders for one in self._holding(role)]

    def _row(self, now: int, what: str, run: _Run | None, step: int, who: Iterable[str], detail: str = "") -> None:
        self.rows.append(Row(now, what, run.number if run else 0, step, tuple(sorted(set(who))), detail))


def _rank(trigger: str) -> int:
    return next(rank for rank, these in enumerate(GRAVEST_FIRST) if trigger in these)
