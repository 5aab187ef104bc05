"""Every event has a sentence; none shows what is sealed."""

from __future__ import annotations

import pytest

from services.audit.domain import timeline
from shared.contracts.base import Event
from shared.contracts.envelope import EVENT_TYPES
from shared.contracts.visits import VisitCancelled
from tests.support.history_of import happened, history_of
from tests.unit.audit.examples import DUE, EVERY_EVENT, STARTED, SUE, T0, VISIT


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVERY_EVENT} == set(EVENT_TYPES.values())
    assert len(EVERY_EVENT) == len(EVENT_TYPES)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.type)
def test_every_event_has_a_sentence_of_its_own(event: Event) -> None:
    (line,) = [line for line in timeline(history_of(happened(T0, event, by=SUE)), T0).lines if line.position]
    assert "no sentence" not in line.sentence
    assert line.sentence.endswith(".")
    assert line.sentence[0].isupper() or line.sentence[0] == "{"
    assert "None" not in line.sentence
    assert "Sealed" not in line.sentence
    assert "12 Mill Lane" not in str((line.sentence, line.details))


def test_an_event_that_nobody_wrote_a_sentence_for_says_so() -> None:
    class Unheard(Event):
        type = "visit.unheard.v1"

    (line,) = timeline(history_of(happened(T0, Unheard())), T0).lines
    assert line.sentence == "Visit.unheard.v1 was recorded; this release has no sentence for it."


def test_an_instant_of_another_day_has_its_date() -> None:
    (line,) = [
        line
        for line in timeline(history_of(happened(DUE.replace(day=1), STARTED, by="walt")), T0).lines
        if line.position
    ]
    assert "a check-in is due at 2026-03-02 14:30:00" in line.sentence


def test_the_system_stands_as_the_part_of_it_that_acted() -> None:
    (line,) = timeline(
        history_of(happened(T0, VisitCancelled(visit_id=VISIT, reason="ill"), by="system:checkin.clock")), T0
    ).lines
    assert line.sentence == "The system (checkin.clock) called the visit off: ill."
