"""Events of checkin about a person who is looked for: phones, code words, PINs. Stream ``worker-…``.

The hashes of PINs lie beside passwords in the keys database; no event has one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.contracts.base import Event, Id, Sealed

Judged = Literal["none_set", "missing", "wrong", "right", "duress"]
"""What was found of a PIN: the person has none set; has, and showed none; showed neither of the two; the one, or the other."""


class PhonesSet(Event):
    """Under which numbers a person can be rung from now on. None: there is no such number."""

    type: ClassVar[str] = "worker.phones_set.v1"
    worker_id: Id
    mobile: Sealed | None
    home: Sealed | None


class CodeWordsSet(Event):
    """What is said on the telephone so that nobody else notices. All None: there are no code words any more."""

    type: ClassVar[str] = "worker.code_words_set.v1"
    worker_id: Id
    challenge: Sealed | None
    """What whoever rings says, to ask whether the worker can speak freely."""
    all_well: Sealed | None
    """What the worker answers when all is well."""
    duress: Sealed | None
    """What the worker says, asked or unasked, when they are not free."""


class PinsSet(Event):
    """From now on a check-in, an extension and the end of a visit come with a PIN: the person's, or the one for duress."""

    type: ClassVar[str] = "worker.pins_set.v1"
    worker_id: Id


class PinsRemoved(Event):
    """No PIN is asked of this person any more."""

    type: ClassVar[str] = "worker.pins_removed.v1"
    worker_id: Id


EVENTS: tuple[type[Event], ...] = (PhonesSet, CodeWordsSet, PinsSet, PinsRemoved)
