"""What the rules of an escalation refuse, in words for the person who met it."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, str] = {
    "not_open": "This escalation is not open any more, or never was: look at the list for the one that is open now.",
    "own_escalation": "It is about you, so somebody else has to take it or end it: ring your supervisor.",
    "changed_since": "Something happened after you opened this page: read it again, then decide.",
    "face_to_face": "Under duress nobody is known to be safe from the telephone: see them yourself, then say how you saw it.",
    "already_acknowledged": "Somebody else has taken it: ring them, or resolve it once the worker is confirmed safe.",
    "task_unknown": "There is no such task yet: look at the escalation for the tasks that are open now.",
    "task_taken": "Somebody else has this task: ring them, or ask them to hand it over to you.",
    "task_done": "This task is done already: look at what came of it, and go on from there.",
    "task_stopped": "This task has been stopped, because something graver came: look at the escalation before you ring.",
    "not_the_holder": "You do not have this task, so you cannot pass it on: take it first if it is free.",
    "handed_to_worker": "It is about that person, so they cannot take it: hand it over to somebody else.",
    "not_a_responder_here": "That person cannot act on escalations here: hand it over to somebody who can.",
    "outcome_unknown": "This task has no such outcome: choose one of those that it lists.",
    "fact_missing": "This outcome needs a time or a reference with it: fill in what the task asks for.",
    "fact_in_the_future": "That time has not come yet: give the time at which it happened.",
}
"""Code of a refusal to a sentence for the person who met it: what is wrong, and what to do."""
