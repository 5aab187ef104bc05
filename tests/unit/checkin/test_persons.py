"""How a person is rung, what is said then, and the PINs: what is found of a PIN, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.checkin.domain import (
    WORKER,
    RemovePins,
    SetCodeWords,
    SetPhones,
    SetPins,
    under_duress,
)
from shared.contracts.base import Sealed
from shared.contracts.persons import CodeWordsSet, Judged, PhonesSet, PinsRemoved, PinsSet
from shared.contracts.visits import WorkerRegistered
from shared.decider import Rejected
from tests.support.given import given
from tests.unit.checkin.examples import NOTE, T0

ANNA = WorkerRegistered(worker_id="anna", site_id="site1", name=NOTE)
OTHER = Sealed(kid="k1", nonce="n", ct="other")
PHONES = PhonesSet(worker_id="anna", mobile=NOTE, home=OTHER)
WORDS = CodeWordsSet(worker_id="anna", challenge=NOTE, all_well=OTHER, duress=None)
SILENT = CodeWordsSet(worker_id="anna", challenge=None, all_well=None, duress=None)
SET, REMOVED = PinsSet(worker_id="anna"), PinsRemoved(worker_id="anna")


def test_phones_are_set_once_and_others_or_none_replace_them() -> None:
    anna = given(WORKER, ANNA)
    assert anna.when(SetPhones(None, None, T0)) == []
    assert anna.when(SetPhones(NOTE, OTHER, T0)) == [PHONES]
    told = given(WORKER, ANNA, PHONES)
    assert told.when(SetPhones(NOTE, OTHER, T0)) == []
    assert told.when(SetPhones(NOTE, None, T0)) == [PhonesSet(worker_id="anna", mobile=NOTE, home=None)]
    assert given(WORKER).rejected(SetPhones(NOTE, None, T0)) == "worker_unknown"


def test_code_words_are_set_once_removed_and_never_alike() -> None:
    anna = given(WORKER, ANNA)
    assert anna.when(SetCodeWords(None, None, None, alike=False, now=T0)) == []
    assert anna.when(SetCodeWords(NOTE, OTHER, None, alike=False, now=T0)) == [WORDS]
    told = given(WORKER, ANNA, WORDS)
    assert told.when(SetCodeWords(NOTE, OTHER, None, alike=False, now=T0)) == []
    none = CodeWordsSet(worker_id="anna", challenge=None, all_well=None, duress=None)
    assert told.when(SetCodeWords(None, None, None, alike=False, now=T0)) == [none]
    assert told.rejected(SetCodeWords(NOTE, OTHER, OTHER, alike=True, now=T0)) == "code_words_alike"
    assert given(WORKER).rejected(SetCodeWords(NOTE, None, None, alike=False, now=T0)) == "worker_unknown"


def test_under_duress_the_words_stay_where_one_of_them_says_so_and_else_are_set() -> None:
    none = SetCodeWords(None, None, None, alike=False, now=T0, current="duress")
    kept = CodeWordsSet(worker_id="anna", challenge=None, all_well=NOTE, duress=OTHER)
    assert given(WORKER, ANNA, kept).when(none) == [kept]
    assert given(WORKER, ANNA, kept).when(replace(none, current="right")) == [SILENT]
    assert given(WORKER, ANNA, WORDS).when(none) == [SILENT], "none of these says duress"
    assert given(WORKER, ANNA).when(SetCodeWords(NOTE, OTHER, None, alike=False, now=T0, current="duress")) == [WORDS]


def test_with_a_pin_the_same_words_are_an_event_all_the_same_so_that_no_answer_tells_what_stayed() -> None:
    shown: tuple[Judged, ...] = ("right", "duress")
    for current in shown:
        assert given(WORKER, ANNA, WORDS).when(
            SetCodeWords(NOTE, OTHER, None, alike=False, now=T0, current=current)
        ) == [WORDS]
    assert (
        given(WORKER, ANNA, WORDS).when(SetCodeWords(NOTE, OTHER, None, alike=False, now=T0, current="none_set")) == []
    )


def test_under_duress_phones_are_changed_as_with_the_other_pin() -> None:
    shown: tuple[Judged, ...] = ("none_set", "right", "duress")
    for current in shown:
        assert given(WORKER, ANNA).when(SetPhones(NOTE, OTHER, T0, current)) == [PHONES]
        assert given(WORKER, ANNA, PHONES).when(SetPhones(NOTE, OTHER, T0, current)) == []


def test_phones_and_words_stay_as_they_are_for_whoever_shows_neither_pin() -> None:
    anna = given(WORKER, ANNA, PHONES, WORDS)
    refusals: tuple[tuple[Judged, str], ...] = (("missing", "pin_needed"), ("wrong", "wrong_pin"))
    for current, code in refusals:
        assert anna.rejected(SetPhones(None, None, T0, current)) == code
        assert anna.rejected(SetCodeWords(None, None, None, alike=False, now=T0, current=current)) == code


@pytest.mark.parametrize("current", ["none_set", "right", "duress"])
def test_pins_are_set_by_whoever_shows_either_of_the_current_ones_or_has_none(current: Judged) -> None:
    assert given(WORKER, ANNA).when(SetPins(current, alike=False, now=T0)) == [SET]
    assert given(WORKER, ANNA, SET).when(SetPins(current, alike=False, now=T0)) == [SET]
    assert given(WORKER, ANNA, SET).when(RemovePins(current, T0)) == [REMOVED]
    assert given(WORKER, ANNA).rejected(SetPins(current, alike=True, now=T0)) == "pins_alike"


def test_pins_stay_as_they_are_for_whoever_shows_neither() -> None:
    anna = given(WORKER, ANNA, SET)
    assert anna.rejected(SetPins("missing", alike=False, now=T0)) == "pin_needed"
    assert anna.rejected(RemovePins("missing", T0)) == "pin_needed"
    assert anna.rejected(SetPins("wrong", alike=False, now=T0)) == "wrong_pin"
    assert anna.rejected(RemovePins("wrong", T0)) == "wrong_pin"


def test_an_administrator_removes_pins_without_knowing_them_and_twice_is_once() -> None:
    anna = given(WORKER, ANNA, SET)
    assert anna.when(RemovePins(None, T0)) == [REMOVED]
    assert anna.then(RemovePins(None, T0)).when(RemovePins(None, T0)) == []
    assert given(WORKER).rejected(RemovePins(None, T0)) == "worker_unknown"


def test_only_the_duress_pin_is_duress_and_only_a_wrong_or_missing_one_is_refused() -> None:
    assert [under_duress(judged) for judged in ("none_set", "right", "duress")] == [False, False, True]
    for judged, code in (("missing", "pin_needed"), ("wrong", "wrong_pin")):
        with pytest.raises(Rejected, match=code):
            under_duress(judged)  # type: ignore[arg-type]
