"""Decide how a person is rung, what is said then, and whether they check in with a PIN.

Numbers and words come sealed; of PINs nothing comes here but what was found about them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.checkin.domain.pins import under_duress
from shared.contracts.base import Event, Sealed
from shared.contracts.persons import CodeWordsSet, Judged, PhonesSet, PinsRemoved, PinsSet
from shared.decider import Rejected


@dataclass(frozen=True)
class SetPhones:
    """Say under which numbers a person is rung from now on; None where there is no such number."""

    mobile: Sealed | None
    home: Sealed | None
    now: datetime
    current: Judged | None = None
    """What was found of the PIN that was shown; None where an administrator needs none."""


@dataclass(frozen=True)
class SetCodeWords:
    """Say by which words a person says on the telephone how they are. ``alike``: two of them are the same."""

    challenge: Sealed | None
    all_well: Sealed | None
    duress: Sealed | None
    alike: bool
    now: datetime
    current: Judged | None = None
    """What was found of the PIN that was shown; None where an administrator needs none."""


@dataclass(frozen=True)
class SetPins:
    """Record that a person has two PINs. ``current`` is what was found of the one shown; ``alike``: the two are the same."""

    current: Judged
    alike: bool
    now: datetime


@dataclass(frozen=True)
class RemovePins:
    """Record that a person has no PINs any more. ``current`` is None where an administrator removes them."""

    current: Judged | None
    now: datetime


PersonCommand = SetPhones | SetCodeWords | SetPins | RemovePins
"""What concerns how a person is rung, and their PINs."""

Three = tuple[Sealed | None, Sealed | None, Sealed | None]
"""The challenge, and the answers for all is well and for duress."""


@dataclass(frozen=True)
class Person:
    """How a person is rung, what is said then, and whether they have PINs."""

    mobile: Sealed | None = None
    home: Sealed | None = None
    code_words: Three = (None, None, None)
    has_pins: bool = False


UNKNOWN = Person()
"""Somebody of whom nothing of it was said."""


def decide(command: PersonCommand, worker_id: str, person: Person) -> list[Event]:
    """Return what follows from a command for a known person. Raises Rejected where a rule says no."""
    match command:
        case SetPhones(mobile=mobile, home=home, current=current):
            if current is not None:
                under_duress(current)
            same = (mobile, home) == (person.mobile, person.home)
            return [] if same else [PhonesSet(worker_id=worker_id, mobile=mobile, home=home)]
        case SetCodeWords():
            return _set_code_words(command, worker_id, person)
        case SetPins(current=current, alike=alike):
            under_duress(current)
            if alike:
                raise Rejected("pins_alike")
            return [PinsSet(worker_id=worker_id)]
        case RemovePins(current=current):
            if current is not None:
                under_duress(current)
            return [PinsRemoved(worker_id=worker_id)] if person.has_pins else []
        case _:
            assert_never(command)


def _set_code_words(command: SetCodeWords, worker_id: str, person: Person) -> list[Event]:
    """Set the words that were sent; under duress those that stand stay, if one of them says duress.

    With a PIN it is always an event: whether an answer has a position must not say whether anything changed.
    """
    duress_shown = command.current is not None and under_duress(command.current)
    if command.alike:
        raise Rejected("code_words_alike")
    words = (command.challenge, command.all_well, command.duress)
    if duress_shown and person.code_words[-1] is not None:
        words = person.code_words
    if words == person.code_words and command.current in {None, "none_set"}:
        return []
    challenge, all_well, duress = words
    return [CodeWordsSet(worker_id=worker_id, challenge=challenge, all_well=all_well, duress=duress)]


def evolve(person: Person, event: Event) -> Person:
    """Return what holds after an event; any other event changes nothing."""
    match event:
        case PhonesSet(mobile=mobile, home=home):
            return replace(person, mobile=mobile, home=home)
        case CodeWordsSet():
            return replace(person, code_words=(event.challenge, event.all_well, event.duress))
        case PinsSet():
            return replace(person, has_pins=True)
        case PinsRemoved():
            return replace(person, has_pins=False)
        case _:
            return person
