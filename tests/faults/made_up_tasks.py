"""Three more visits that are made up: one whose ladder gives people tasks, and two on which duress is signalled.

``v4``: rung twice, once by three people in turn; then the line manager, everyone, and emergency services after all.
``v5``: a code word, said on the telephone, stops what ran. ``v6``: the PIN for duress. All three are over at the end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.faults.made_up import HEALTHY, Fact, Story, begun, entered, iso, raised, sent


def outcome(code: str, leads_to: str | None = None, after: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what may come of a task."""
    return {"code": code, "leads_to": leads_to, "after": after, **more}


def step_of(key: str, *outcomes: dict[str, Any], then: str | None = None) -> dict[str, Any]:
    """Return a step that is a task: 2 minutes to take it, 4 to do it, and 10 to the next step."""
    times = {"take_within": {"span": "PT2M"}, "finish_within": {"span": "PT4M"}}
    return {"key": key, "then": then, "wait": "PT10M", "task": {"outcomes": list(outcomes), **times}}


SAFE = outcome("safe", "resolved", how="spoke_with_worker")
CODE_WORD = outcome("code_word", raises="duress")
LADDER: dict[str, Any] = {
    "steps": [
        step_of(
            "ring", SAFE, CODE_WORD, outcome("no_answer", "ring_again", "PT5M"), outcome("wrong_number", "manager")
        ),
        step_of("ring_again", SAFE, CODE_WORD, outcome("no_answer", "next"), outcome("concern")),
        step_of("manager", SAFE, outcome("emergency", "emergency_services"), then="exhausted"),
        step_of("emergency_services", outcome("called", "acknowledged")),
    ],
    "repeat_every": {"span": "PT20M"},
}
OF_DURESS: dict[str, Any] = {
    "steps": [step_of("send_help", outcome("called", "acknowledged"))],
    "repeat_every": {"span": "PT20M"},
    "instead": True,
}


def opened(name: str, minutes: float, cause: str, escalation_id: str, **data: Any) -> Fact:
    """Return an escalation that was opened or joined with a ladder of tasks."""
    fact = raised(name, minutes, cause, escalation_id)
    return replace(fact, data={**fact.data, "ladder_no": 1, "ladder": LADDER, **data})


def said(name: str, minutes: float, escalation_id: str, kind: str, **data: Any) -> Fact:
    """Return something that happens to the first ladder."""
    visit_id = escalation_id.partition(".")[0]
    facts = {"escalation_id": escalation_id, "ladder_no": 1, **data}
    return Fact(name, minutes, f"escalation-{visit_id}", f"escalation.{kind}.v1", facts, visit_id=visit_id)


def asks(**whom: str) -> list[dict[str, str]]:
    """Return who is asked, by the last part of the notification's id."""
    return [{"notification_id": number.replace("_", "."), "worker_id": person} for number, person in whom.items()]


def asked(name: str, minutes: float, to: str, kind: str, ladder_no: int | None, step: int | None = None) -> Story:
    """Return how the notification of this name was queued, and attempted at once."""
    visit_id = name.partition(".")[0]
    stream = f"notification-{name}"
    message = {"notification_id": name, "message_id": f"{name}.m", "attempt": 1}
    queued: dict[str, Any] = {
        "notification_id": name,
        "recipient_id": to,
        "kind": kind,
        "asked_by": f"escalation-{visit_id}",
    }
    queued |= {"ladder_no": ladder_no, "step": step, "messages": [{"message_id": f"{name}.m"}]}
    return (
        Fact(f"queued-{name}", minutes, stream, "notification.queued.v1", queued, visit_id=visit_id),
        Fact(f"attempt-{name}", minutes, stream, "notification.attempt_started.v1", message, visit_id=visit_id),
        entered(f"entry-{name}", minutes, to, f"{name}.m", name),
    )


def once_more(name: str, minutes: float, to: str) -> Story:
    """Return a further attempt of a notification."""
    visit_id = name.partition(".")[0]
    message = {"notification_id": name, "message_id": f"{name}.m", "attempt": 2}
    return (
        Fact(
            f"again-{name}",
            minutes,
            f"notification-{name}",
            "notification.attempt_started.v1",
            message,
            visit_id=visit_id,
        ),
        entered(f"entry-again-{name}", minutes, to, f"{name}.m", name, attempt=2),
    )


def begins(name: str, minutes: float, escalation_id: str, step: int, wait: float, /, **whom: Any) -> Fact:
    """Return a step that is a task; ``passes`` is when it passes on, and the rest whom it is offered."""
    passes = whom.pop("passes", None)
    data = {"step": step, "next_at": iso(minutes + wait), "task": True, "asks": asks(**whom)}
    data |= {"passes_on_at": None if passes is None else iso(passes)}
    return said(name, minutes, escalation_id, "step_started", **data)


def takes(name: str, minutes: float, escalation_id: str, step: int, by: str, *, of: str | None = None) -> Fact:
    """Return who has taken a task, perhaps of somebody else."""
    facts = {"step": step, "by": by, "handed_by": of, "passes_on_at": iso(minutes + 4)}
    return said(name, minutes, escalation_id, "task_taken", **facts)


def done(name: str, minutes: float, escalation_id: str, step: int, by: str, code: str, **leads: Any) -> Fact:
    """Return what came of a task, and to which turn it leads when."""
    turn, at = leads.get("turn"), leads.get("at")
    facts = {"step": step, "by": by, "outcome": code, "next_turn": turn, "next_at": None if at is None else iso(at)}
    return said(name, minutes, escalation_id, "task_done", **facts)


def passes(
    name: str, minutes: float, escalation_id: str, step: int, reason: str, /, by: str | None = None, **whom: str
) -> Fact:
    """Return a task that is free again and offered to others, and to nobody after them."""
    facts = {"step": step, "reason": reason, "by": by, "asks": asks(**whom), "passes_on_at": None}
    return said(name, minutes, escalation_id, "task_passed_on", **facts)


def exhausted(name: str, minutes: float, escalation_id: str, round_: int, next_at: float) -> Fact:
    """Return a round in which everyone is told."""
    return said(name, minutes, escalation_id, "exhausted", round=round_, next_at=iso(next_at), asks=[])


RUNG: Story = (
    *begun("v4", 10),
    sent("help-4", 20, "visit-v4", "help_requested"),
    opened("opened-4", 20.01, "help-4", "v4.1"),
    begins("ring", 20.01, "v4.1", 1, 10, passes=22.01, v4_1_1="anna"),
    *asked("v4.1.1", 20.02, "anna", "step", 1, 1),
    passes("untaken", 22.05, "v4.1", 1, "untaken", v4_1_2="ben"),
    *asked("v4.1.2", 22.06, "ben", "task", 1, 1),
    takes("ben-takes", 23, "v4.1", 1, "ben"),
    said("ben-hands-over", 24, "v4.1", "task_handed_over", step=1, by="ben", to="cai", asks=asks(v4_1_3="cai")),
    *asked("v4.1.3", 24.01, "cai", "handover", 1, 1),
    takes("cai-takes", 24.5, "v4.1", 1, "cai", of="ben"),
    done("no-answer", 25, "v4.1", 1, "cai", "no_answer", turn=2, at=30),
    begins("ring-again", 30.02, "v4.1", 2, 10, v4_1_4="anna"),
    *asked("v4.1.4", 30.03, "anna", "step", 1, 2),
    takes("anna-takes", 31, "v4.1", 2, "anna"),
    passes("unfinished", 35.05, "v4.1", 2, "unfinished", "anna", v4_1_5="ben"),
    *asked("v4.1.5", 35.06, "ben", "task", 1, 2),
    begins("manager", 40.05, "v4.1", 3, 10, v4_1_6="dot"),
    *asked("v4.1.6", 40.06, "dot", "step", 1, 3),
    exhausted("round-1-4", 50.06, "v4.1", 1, 70.06),
    takes("dot-takes", 55, "v4.1", 3, "dot"),
    done("emergency", 55, "v4.1", 3, "dot", "emergency", turn=4, at=55),
    begins("services", 55.05, "v4.1", 4, 10, v4_1_7="anna"),
    *asked("v4.1.7", 55.06, "anna", "step", 1, 4),
    exhausted("round-2-4", 65.06, "v4.1", 2, 85.06),
    takes("anna-rings", 66, "v4.1", 4, "anna"),
    done("called", 66, "v4.1", 4, "anna", "called"),
    said("in-hand", 66, "v4.1", "acknowledged", by="anna", ladders=[1], runs_out_at=iso(86)),
    sent("resolve-4", 68, "escalation-v4", "resolved", "anna", escalation_id="v4.1", asks=[]),
    sent("end-4", 69, "visit-v4", "ended"),
)
"""Help, asked for on ``v4``."""

SPOKEN: Story = (
    *begun("v5", 10),
    sent("help-5", 20, "visit-v5", "help_requested"),
    opened("opened-5", 20.01, "help-5", "v5.1"),
    begins("ring-5", 20.01, "v5.1", 1, 10, v5_1_1="anna", v5_1_2="ben"),
    *asked("v5.1.1", 20.02, "anna", "step", 1, 1),
    *asked("v5.1.2", 20.02, "ben", "step", 1, 1),
    takes("takes-5", 21, "v5.1", 1, "anna"),
    done("word", 22, "v5.1", 1, "anna", "code_word"),
    opened(
        "joined-5", 22, "v5.1.1-1.code_word", "v5.1", trigger="duress", ladder_no=2, ladder=OF_DURESS, stopped=[1],
        asks=asks(v5_1_3="ben"),
    ),
    begins("help-goes", 22, "v5.1", 1, 10, v5_1_4="anna"),
    *asked("v5.1.3", 22.01, "ben", "joined", 2),
    *asked("v5.1.4", 22.01, "anna", "step", 2, 1),
    said("ack-5", 25, "v5.1", "acknowledged", by="anna", ladders=[2], runs_out_at=iso(45)),
    sent("resolve-5", 40, "escalation-v5", "resolved", "anna", escalation_id="v5.1", asks=[]),
    sent("end-5", 41, "visit-v5", "ended"),
)  # fmt: skip
"""A code word on ``v5``."""

SIGNALLED: Story = (
    *begun("v6", 10),
    sent("in-6", 40, "visit-v6", "check_in_recorded", met_due_at=iso(70), due_at=iso(100)),
    Fact("duress-6", 40, "visit-v6", "visit.duress_signalled.v1", {"visit_id": "v6"}, visit_id="v6"),
    opened("opened-6", 40.05, "duress-6", "v6.1", trigger="duress", ladder=OF_DURESS),
    begins("help-goes-6", 40.05, "v6.1", 1, 10, v6_1_1="anna"),
    *asked("v6.1.1", 40.06, "anna", "step", 1, 1),
    said("ack-6", 42, "v6.1", "acknowledged", by="anna", ladders=[1], runs_out_at=iso(62)),
    sent("resolve-6", 50, "escalation-v6", "resolved", "anna", escalation_id="v6.1", asks=[]),
    sent("end-6", 51, "visit-v6", "ended"),
)
"""The PIN for duress on ``v6``."""


def _shaped(fact: Fact) -> Fact:
    """Return an event as it is, but for the join, which has a type of its own, and the second ladder's own step."""
    if fact.name == "joined-5":
        return replace(fact, type="escalation.joined.v1", cause=None)
    return replace(fact, data={**fact.data, "ladder_no": 2}) if fact.name == "help-goes" else fact


WORK: Story = tuple(
    _shaped(fact) for fact in sorted((*HEALTHY, *RUNG, *SPOKEN, *SIGNALLED), key=lambda fact: fact.minutes)
)
"""A log in which nothing is wrong three hours after ``T0``."""


def lacking(*names: str) -> Story:
    """Return it without these events."""
    assert set(names) <= {fact.name for fact in WORK}
    return tuple(fact for fact in WORK if fact.name not in names)


def with_more(*facts: Fact, instead_of: tuple[str, ...] = ()) -> Story:
    """Return it with more events, each in its time, and perhaps without others; at one time the given ones are last."""
    return tuple(sorted((*lacking(*instead_of), *facts), key=lambda fact: fact.minutes))


def differing(name: str, minutes: float | None = None, **data: Any) -> Story:
    """Return it with one event at another time, or with other data."""
    return tuple(
        sorted(
            (
                replace(fact, minutes=fact.minutes if minutes is None else minutes, data={**fact.data, **data})
                if fact.name == name
                else fact
                for fact in WORK
            ),
            key=lambda fact: fact.minutes,
        )
    )
