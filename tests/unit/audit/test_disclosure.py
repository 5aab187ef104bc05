"""That a timeline was read is recorded once per person and extent."""

from __future__ import annotations

import re
from pathlib import Path

from services.audit import application
from services.audit.domain import DISCLOSURE, REFUSALS, RecordDisclosure
from shared.contracts.audits import TimelineDisclosed
from tests.support.given import given
from tests.unit.audit.examples import HEIDI, SUE, T0, VISIT

SHOWN = TimelineDisclosed(subject_id=VISIT, to=SUE, through=7)


def test_a_first_reading_is_recorded() -> None:
    assert given(DISCLOSURE).when(RecordDisclosure(VISIT, SUE, 7, T0)) == [SHOWN]


def test_the_same_person_reading_the_same_again_is_not_recorded_again() -> None:
    assert given(DISCLOSURE, SHOWN).when(RecordDisclosure(VISIT, SUE, 7, T0)) == []


def test_reading_further_is_recorded() -> None:
    assert given(DISCLOSURE, SHOWN).when(RecordDisclosure(VISIT, SUE, 9, T0)) == [
        TimelineDisclosed(subject_id=VISIT, to=SUE, through=9)
    ]


def test_somebody_else_reading_the_same_is_recorded() -> None:
    assert given(DISCLOSURE, SHOWN).when(RecordDisclosure(VISIT, HEIDI, 7, T0)) == [
        TimelineDisclosed(subject_id=VISIT, to=HEIDI, through=7)
    ]


def test_nothing_of_a_disclosure_falls_due() -> None:
    assert given(DISCLOSURE, SHOWN).deadlines == []


def test_every_refusal_has_a_sentence_and_every_sentence_is_used() -> None:
    modules = Path(application.__file__).parent.rglob("*.py")
    codes = {code for path in modules for code in re.findall(r'Rejected\("(\w+)"\)', path.read_text("utf-8"))}
    assert codes == set(REFUSALS)
