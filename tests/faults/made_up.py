"""A small log that is made up, event by event, so that a test can spoil one thing in it. No service has a part in it.

Three visits: ``v1`` from its plan over a missed check-in and two escalations to its end, ``v2`` under way, ``v3`` with an
escalation that is open. The story lasts three hours from ``T0``; instants are minutes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def minute(minutes: float) -> datetime:
    """Return an instant of the story."""
    return T0 + timedelta(minutes=minutes)


def iso(minutes: float) -> str:
    """Return an instant of the story as it is on the wire."""
    return minute(minutes).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Fact:
    """One event of the story. ``name`` is its event id; ``key`` the Idempotency-Key that brought it."""

    name: str
    minutes: float
    stream_id: str
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    key: str | None = None
    actor: str = "system:clock"
    visit_id: str | None = "v1"
    record: bytes | None = None
    """Bytes in the place of what it says; its columns stay."""


Story: TypeAlias = tuple[Fact, ...]


def sent(name: str, minutes: float, subject: str, kind: str, actor: str = "w1", **data: Any) -> Fact:
    """Return what somebody outside brought about, under a key of the same name."""
    owner = subject.partition("-")[0]
    type_ = f"{owner}.{kind}.v1"
    return Fact(name, minutes, subject, type_, data, key=name, actor=actor, visit_id=subject.partition("-")[2])


def told(
    name: str, minutes: float, notification_id: str, to: str, cause: str, kind: str, ladder_no: int | None
) -> Story:
    """Return how a notification was queued and its one message attempted and accepted."""
    stream = f"notification-{notification_id}"
    message = {"notification_id": notification_id, "message_id": f"{notification_id}.m", "attempt": 1}
    asked_by = "visit-v1" if kind == "reminder" else "escalation-v1"
    queued: dict[str, Any] = {
        "notification_id": notification_id,
        "recipient_id": to,
        "kind": kind,
        "asked_by": asked_by,
    }
    queued |= {"ladder_no": ladder_no, "messages": [{"message_id": f"{notification_id}.m"}]}
    return (
        Fact(f"queued-{name}", minutes, stream, "notification.queued.v1", queued, cause),
        Fact(f"attempt-{name}", minutes, stream, "notification.attempt_started.v1", message),
        entered(f"entry-{name}", minutes, to, f"{notification_id}.m", notification_id),
        Fact(f"accepted-{name}", minutes, stream, "notification.attempt_accepted.v1", message),
    )


def entered(name: str, minutes: float, to: str, call: str, *notification_ids: str, attempt: int = 1) -> Fact:
    """Return the entry of a call in the stream of the person called."""
    data: dict[str, Any] = {"recipient_id": to, "message_id": call, "notification_ids": list(notification_ids)}
    data |= {"attempt": attempt, "channel": "webhook", "started_at": iso(minutes)}
    return Fact(name, minutes, f"recipient-{to}", "recipient.attempt_started.v1", data, visit_id=None)


def step(name: str, minutes: float, escalation_id: str, number: int, next_at: float, **data: Any) -> Fact:
    """Return a step of the first ladder, which asks for nobody unless it says whom."""
    visit_id = escalation_id.partition(".")[0]
    said = {"escalation_id": escalation_id, "ladder_no": 1, "step": number, "next_at": iso(next_at), "asks": []}
    return Fact(
        name, minutes, f"escalation-{visit_id}", "escalation.step_started.v1", {**said, **data}, visit_id=visit_id
    )


def begun(visit_id: str, minutes: float) -> Story:
    """Return a visit that is planned and started, with a check-in agreed an hour later and a grace of five minutes."""
    stream = f"visit-{visit_id}"
    return (
        sent(f"plan-{visit_id}", minutes, stream, "planned", grace="PT5M"),
        sent(f"approve-{visit_id}", minutes, stream, "approved", "anna"),
        sent(f"start-{visit_id}", minutes, stream, "started", due_at=iso(minutes + 60)),
    )


def ask(notification_id: str) -> list[dict[str, str]]:
    """Return the wish that Anna be told."""
    return [{"notification_id": notification_id, "worker_id": "anna"}]


def raised(name: str, minutes: float, cause: str, escalation_id: str) -> Fact:
    """Return an escalation that was opened or joined."""
    visit_id = escalation_id.partition(".")[0]
    kind = "joined" if name.startswith("joined") else "opened"
    data: dict[str, Any] = {"escalation_id": escalation_id, "trigger_event_id": cause, "asks": [], "trigger": "help"}
    data |= {"ladder_no": 1, "ladder": {"steps": [{}, {}]}} if kind == "opened" else {"ladder_no": None}
    return Fact(name, minutes, f"escalation-{visit_id}", f"escalation.{kind}.v1", data, cause, visit_id=visit_id)


HEALTHY: Story = (
    *begun("v1", 2),
    Fact("reminder", 61, "visit-v1", "visit.reminder_due.v1", {"reminder_id": "v1.r1", "worker_id": "w1"}),
    *told("r", 61.01, "v1.r1", "w1", "reminder", "reminder", None),
    sent("in-1", 61.5, "visit-v1", "check_in_recorded", met_due_at=iso(62), due_at=iso(121.5)),
    Fact("miss", 126.55, "visit-v1", "visit.check_in_missed.v1", {"due_at": iso(121.5), "missed_at": iso(126.5)}, None),
    raised("opened-1", 126.6, "miss", "v1.1"),
    step("step-1", 126.6, "v1.1", 1, 131.6, asks=ask("v1.1.1")),
    *told("s", 126.65, "v1.1.1", "anna", "step-1", "step", 1),
    sent("in-2", 128, "visit-v1", "late_check_in_recorded", missed_due_at=iso(121.5)),
    sent("ack", 129, "escalation-v1", "acknowledged", "anna", escalation_id="v1.1", ladders=[1], runs_out_at=iso(144)),
    sent("resolve", 140, "escalation-v1", "resolved", "anna", escalation_id="v1.1", asks=ask("v1.1.2")),
    Fact(
        "resumed-1",
        140.01,
        "visit-v1",
        "visit.watch_resumed.v1",
        {"escalation_id": "v1.1", "due_at": iso(200)},
        "resolve",
    ),
    *told("c", 140.02, "v1.1.2", "anna", "resolve", "all_clear", None),
    sent("help-1", 150, "visit-v1", "help_requested"),
    raised("opened-2", 150.01, "help-1", "v1.2"),
    step("step-2", 150.01, "v1.2", 1, 156),
    sent("help-2", 151, "visit-v1", "help_requested", "anna"),
    raised("joined", 151.01, "help-2", "v1.2"),
    sent("false", 155, "escalation-v1", "stood_down", "anna", escalation_id="v1.2", asks=[]),
    sent("longer", 160, "visit-v1", "extended", met_due_at=iso(200), due_at=iso(220)),
    sent("end", 170, "visit-v1", "ended"),
    *begun("v3", 171),
    sent("help-3", 172, "visit-v3", "help_requested"),
    raised("opened-3", 172.01, "help-3", "v3.1"),
    step("step-3", 172.01, "v3.1", 1, 300),
    *begun("v2", 175),
)
"""A log in which nothing is wrong three hours after ``T0``."""


DEADLINES: tuple[tuple[str, str, float], ...] = (
    ("visit-v2", "check_in_missed", 240),
    ("visit-v3", "check_in_missed", 236),
    ("escalation-v3", "step", 300),
)
"""What falls due after it."""


def without(*names: str) -> Story:
    """Return the healthy story without these events."""
    assert set(names) <= {fact.name for fact in HEALTHY}
    return tuple(fact for fact in HEALTHY if fact.name not in names)


def with_also(*facts: Fact) -> Story:
    """Return the healthy story with more events, each in its time; what happens at one time keeps its order."""
    return tuple(sorted((*HEALTHY, *facts), key=lambda fact: fact.minutes))


def again(name: str, new_name: str, minutes: float | None = None, **data: Any) -> Fact:
    """Return an event of the story once more, under another event id and perhaps with other data."""
    fact = next(fact for fact in HEALTHY if fact.name == name)
    at = fact.minutes if minutes is None else minutes
    return replace(fact, name=new_name, minutes=at, data={**fact.data, **data})


def moved(minutes: float, *names: str) -> Story:
    """Return the healthy story with these events later, or earlier where ``minutes`` is below zero."""
    shifted = (replace(fact, minutes=fact.minutes + minutes) if fact.name in names else fact for fact in HEALTHY)
    return tuple(sorted(shifted, key=lambda fact: fact.minutes))


def changed(name: str, /, **values: Any) -> Story:
    """Return the healthy story with one event changed where it stands, whatever that does to the order of time."""
    return tuple(replace(fact, **values) if fact.name == name else fact for fact in HEALTHY)
