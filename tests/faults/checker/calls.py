"""I6: no attempt of what nobody needs to hear of any more: of a ladder that is held or was stopped, of a task that is taken.

And I8: nothing is withdrawn that is still wanted. By positions alone: attempts and withdrawals are guarded by the version
of the stream that asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.faults.checker.episodes import ENDS, OPENED
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.history import Event, Violation
from tests.faults.checker.passing import HANDED_OVER
from tests.faults.checker.runs import DONE, PASSED_ON, STEP, TAKEN

WITHDRAWN = frozenset({"step", "task", "exhausted"})
"""Kinds of notification that an acknowledgement stops; the others tell who knows already."""

OFFERS = frozenset({"step", "task"})
"""Kinds that offer a task to whoever takes it; a step does where it is one."""

TaskKey: TypeAlias = tuple[int | None, int | None]


@dataclass
class Asking:
    """What one stream wants told, at one position of the log."""

    episode: str | None = None
    """The newest one."""
    over: bool = False
    held: set[int] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)
    had: dict[TaskKey, str] = field(default_factory=dict)
    """Tasks that nobody needs to take: why."""
    handovers: dict[TaskKey, set[str]] = field(default_factory=dict)
    """Notifications that ask somebody to take a task over."""
    moot: set[str] = field(default_factory=set)
    """Those of them that came to something."""
    meanwhile: set[str] = field(default_factory=set)
    """Notifications of tasks that were freed while somebody's acknowledgement held the ladder: they are wanted."""

    def see(self, event: Event) -> None:
        """Take one event of the stream."""
        data = event.data
        self.episode = data.get("escalation_id", self.episode)
        self.over = self.over or event.type in ENDS
        if event.type == "escalation.acknowledged.v1":
            self.held.update(data["ladders"])
        elif event.type == "escalation.acknowledgement_ran_out.v1":
            self.held.clear()
        elif event.type == "escalation.joined.v1":
            self.stopped.update(data.get("stopped") or ())
        elif event.type == STEP and data.get("part", 1) == 1:
            self.had.pop((data["ladder_no"], data["step"]), None)
        elif event.type in (TAKEN, HANDED_OVER, PASSED_ON, DONE):
            self._task(event, (data["ladder_no"], data["step"]))

    def _task(self, event: Event, key: TaskKey) -> None:
        asks = {str(ask["notification_id"]) for ask in event.data.get("asks", ())}
        self.moot |= self.handovers.pop(key, set())
        if event.type in (TAKEN, DONE):
            self.had[key] = "taken" if event.type == TAKEN else "done"
        elif event.type == HANDED_OVER:
            self.handovers[key] = asks
        else:
            self.had.pop(key, None)
            self.meanwhile |= asks if key[0] in self.held else set()

    def wrong(self, asked: Mapping[str, Any]) -> str | None:
        """Return why a notification should not be attempted."""
        kind, ladder_no, notification_id = asked["kind"], asked["ladder_no"], str(asked["notification_id"])
        if kind == "all_clear":
            return None
        if ladder_no is not None and ladder_no in self.stopped:
            return "an attempt for a ladder that was stopped"
        why = self.had.get((ladder_no, asked.get("step"))) if kind in OFFERS else None
        if why or notification_id in self.moot:
            return f"an attempt although the task is {why or 'no longer handed over by it'}"
        if kind in WITHDRAWN and ladder_no in self.held and notification_id not in self.meanwhile:
            return "an attempt although somebody has acknowledged"
        return None

    def wants(self, asked: Mapping[str, Any]) -> bool:
        """Say whether a notification is wanted: never after its episode, but for the word that it is over."""
        over = self.over or asked.get("escalation_id") not in (None, self.episode)
        return self.wrong(asked) is None and (asked["kind"] == "all_clear" or not over)


def judge_calls(evidence: Evidence) -> Iterator[Violation]:
    """Return attempts of what nobody wanted any more. An acknowledgement holds until it runs out or a new episode opens."""
    asking: defaultdict[str, Asking] = defaultdict(Asking)
    queued: dict[str, Mapping[str, Any]] = {}
    for event in evidence.log.events:
        if event.stream_id.startswith("escalation-"):
            if event.type == OPENED:
                asking[event.stream_id] = Asking()
            asking[event.stream_id].see(event)
        elif event.type == "notification.queued.v1":
            queued[event.data["notification_id"]] = event.data
        elif event.type == "notification.attempt_started.v1":
            asked = queued.get(event.data["notification_id"])
            if asked is None:
                yield Violation("I6", "an attempt of a notification that was not queued", event.where)
            elif found := asking[asked["asked_by"]].wrong(asked):
                yield Violation("I6", found, event.where)
        elif event.type == "notification.withdrawn.v1":
            asked = queued.get(event.data["notification_id"])
            if asked is not None and _judged(evidence, asked) and asking[asked["asked_by"]].wants(asked):
                yield Violation("I8", "a notification was withdrawn that somebody still wanted", event.where)


def _judged(evidence: Evidence, asked: Mapping[str, Any]) -> bool:
    """Say whether all is known of what asked: an escalation, whose records can be read. A reminder's visit is not folded."""
    stream_id: str = asked["asked_by"]
    return stream_id.startswith("escalation-") and stream_id not in evidence.log.torn
