"""What whoever holds a task needs for it: whom to ring under which number, the code words, what to read out.

Opened for the holder of the task and for nobody else. What cannot be read or opened says so, and what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from services.escalation.application.people import name_of, readable
from services.escalation.application.reading_out import ReadOut, read_out_of
from shared.contracts.base import stream_of
from shared.contracts.persons import CodeWordsSet, PhonesSet
from shared.contracts.visits import VisitPlanned
from shared.runtime.postgres import LOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.escalation.application.account import Account
    from services.escalation.application.task_account import TaskAccount
    from shared.contracts.base import Event, Sealed
    from shared.runtime.postgres import Pool
    from shared.runtime.sealing import Keyring

EMERGENCY_NUMBERS = ("999", "112")
"""Of the United Kingdom, whose policies these are; 112 is answered by the same people, and works from a mobile abroad."""

_GO_ON = "Do not wait for it: say below that nobody answered, so that the next step follows."

NO_NUMBER = f"No number is on record. {_GO_ON}"
NO_CONTACTS = f"The plan of the visit names nobody to ring. {_GO_ON}"
NOT_UNDER_DURESS = (
    "No number of theirs is shown, because they may be under duress and somebody may be listening: do not ring. Do what can be "
    "done without a call, and say below what came of it, or give the task back."
)
NO_NUMBER_NOW = f"The number cannot be read at this moment. Load this page once more; if it still is not here: {_GO_ON}"
NO_CODE_WORDS = (
    "No code words are on record. Ask only what can be answered with yes or no, and listen for whether they can speak freely; "
    "if you doubt it, say so below."
)
NO_CODE_WORDS_NOW = (
    "The code words cannot be read at this moment. Load this page once more; until then: ask only for yes or no."
)

NOBODY_TO_RING: Mapping[str, str] = MappingProxyType(
    {
        "worker_mobile": "Their mobile",
        "worker_home": "Their home",
        "visit_contacts": "The contacts of the visit",
    }
)
"""What is left out under duress, as it is called."""


@dataclass(frozen=True)
class ToRing:
    """One number to ring, or why there is none and what to do instead."""

    who: str
    """``worker_mobile``, ``worker_home``, ``emergency_services``, or how a contact stands to the visit."""
    name: str
    phone: str | None
    instead: str | None = None


@dataclass(frozen=True)
class CodeWords:
    """What is said on the telephone so that nobody else notices; None for a word that is not on record."""

    challenge: str | None = None
    all_well: str | None = None
    duress: str | None = None
    instead: str | None = None


@dataclass(frozen=True)
class Briefing:
    """What the holder of a task is shown. ``code_words`` and ``read_out`` are None where the task has no use for them."""

    to_ring: tuple[ToRing, ...] = ()
    code_words: CodeWords | None = None
    read_out: ReadOut | None = None


async def briefing_of(pool: Pool, keyring: Keyring, account: Account, task: TaskAccount) -> Briefing:
    """Return what the holder of this task needs."""
    calls, worker_id, visit_id = task.task.calls, account.opened.worker_id, account.opened.visit_id
    worker = await readable(pool, stream_of("worker", worker_id))
    visit = await readable(pool, stream_of("visit", visit_id)) if visit_id else ()
    code_words = await _code_words(keyring, [recorded.event for recorded in worker]) if task.task.code_words else None
    if calls == "emergency_services":
        numbers = tuple(ToRing(calls, "Emergency services", number) for number in EMERGENCY_NUMBERS)
        return Briefing(numbers, code_words, await read_out_of(pool, keyring, account, visit, worker))
    if account.under_duress and calls is not None:
        return Briefing((ToRing(calls, NOBODY_TO_RING[calls], None, NOT_UNDER_DURESS),), code_words)
    if calls == "visit_contacts":
        return Briefing(await _contacts(keyring, [recorded.event for recorded in visit]), code_words)
    if calls is None:
        return Briefing(code_words=code_words)
    phones = [recorded.event for recorded in worker if isinstance(recorded.event, PhonesSet)]
    sealed = None
    if phones:
        sealed = phones[-1].mobile if calls == "worker_mobile" else phones[-1].home
    name = await name_of(pool, keyring, worker_id)
    return Briefing((await _to_ring(keyring, calls, name, sealed),), code_words)


async def _contacts(keyring: Keyring, visit: Sequence[Event]) -> tuple[ToRing, ...]:
    planned = next((event for event in visit if isinstance(event, VisitPlanned)), None)
    if planned is None or not planned.contacts:
        return (ToRing("visit_contacts", "The contacts of the visit", None, NO_CONTACTS),)
    found = []
    for contact in planned.contacts:
        name, _ = await _opened(keyring, contact.name)
        found.append(await _to_ring(keyring, contact.relation, name or contact.contact_id, contact.phone))
    return tuple(found)


async def _to_ring(keyring: Keyring, who: str, name: str, sealed: Sealed | None) -> ToRing:
    phone, whole = await _opened(keyring, sealed)
    return ToRing(who, name, phone, None if phone else NO_NUMBER if whole else NO_NUMBER_NOW)


async def _code_words(keyring: Keyring, worker: Sequence[Event]) -> CodeWords:
    words = next((event for event in reversed(worker) if isinstance(event, CodeWordsSet)), None)
    if words is None:
        return CodeWords(instead=NO_CODE_WORDS)
    opened = [await _opened(keyring, word) for word in (words.challenge, words.all_well, words.duress)]
    if not all(whole for _, whole in opened):
        return CodeWords(instead=NO_CODE_WORDS_NOW)
    challenge, all_well, duress = (text for text, _ in opened)
    return CodeWords(challenge, all_well, duress, None if challenge or all_well or duress else NO_CODE_WORDS)


async def _opened(keyring: Keyring, sealed: Sealed | None) -> tuple[str | None, bool]:
    """Return a text and True; None and True where there is none or it was erased; None and False where nobody can say now."""
    try:
        return await keyring.open_or(sealed, "") or None, True
    except LOST:
        return None, False
