"""Sentences about what somebody signals of a person, and about what is kept so that they can be rung and believed."""

from __future__ import annotations

from services.audit.domain.words import person, plain, trigger_words
from shared.contracts import persons, situations
from shared.contracts.base import Event


def of_signal(event: Event, by: str) -> str | None:
    """Return the sentence of an event about danger that somebody signals; None for any other."""
    match event:
        case situations.VisitDuressSignalled(worker_id=worker_id, with_command=command):
            return f"{person(worker_id)} used the duress PIN on the visit, {_as_if(command)}."
        case situations.WorkerDuressSignalled(worker_id=worker_id, with_command=command):
            return f"{person(worker_id)} used the duress PIN without a visit of theirs, {_as_if(command)}."
        case situations.VisitSituationReported(worker_id=worker_id, situation=situation):
            return _reported(by, worker_id, situation, "on the visit")
        case situations.WorkerSituationReported(worker_id=worker_id, situation=situation):
            return _reported(by, worker_id, situation, "without a visit")
        case _:
            return None


def _as_if(command: str) -> str:
    return f"as if with an ordinary command ({plain(command)})"


def _reported(by: str, worker_id: str, situation: str, where: str) -> str:
    told = f"{by} reported {trigger_words(situation)} {where}"
    return f"{told}." if by == person(worker_id) else f"{told}, about {person(worker_id)}."


def of_person(event: Event, by: str) -> str | None:
    """Return the sentence of an event about phones, code words and PINs; None for any other. It says none of them."""
    match event:
        case persons.PhonesSet(worker_id=worker_id) as phones:
            kinds = [kind for kind, number in (("mobile", phones.mobile), ("home", phones.home)) if number]
            said = f"{by} set under which numbers {person(worker_id)} can be rung"
            return f"{said}: {', '.join(kinds) or 'none'}."
        case persons.CodeWordsSet(worker_id=worker_id, challenge=None, all_well=None, duress=None):
            return f"{by} removed the code words of {person(worker_id)}."
        case persons.CodeWordsSet(worker_id=worker_id):
            return f"{by} set the code words of {person(worker_id)}."
        case persons.PinsSet(worker_id=worker_id):
            return f"{by} set a PIN and a duress PIN for {person(worker_id)}."
        case persons.PinsRemoved(worker_id=worker_id):
            return f"{by} removed the PINs of {person(worker_id)}."
        case _:
            return None
