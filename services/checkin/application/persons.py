"""How a person is rung, and what is said then: phones and code words. Raises Forbidden and Rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.checkin.application.duress import Duress
from services.checkin.application.signing import folded
from services.checkin.domain import WORKER, SetCodeWords, SetPhones
from shared.contracts.base import stream_of
from shared.contracts.roles import Role

if TYPE_CHECKING:
    from services.checkin.domain import Worker
    from shared.contracts.base import Sealed
    from shared.contracts.persons import Judged
    from shared.runtime.commands import Handled
    from shared.runtime.identity import Allowed
    from shared.runtime.web import Caller


@dataclass(frozen=True)
class CodeWordsGiven:
    """Code words as somebody sends them: clear, and sealed before anything is decided. All None: there are none any more."""

    challenge: str | None
    all_well: str | None
    duress: str | None


class Persons(Duress):
    """What whoever rings a person needs. Whoever has PINs shows the current one, unless they are an administrator."""

    async def set_phones(
        self, caller: Caller, worker_id: str, mobile: str | None, home: str | None, current: str | None = None
    ) -> Handled:
        """Say under which numbers a person is rung from now on."""
        allowed = await self._may("set_phones", caller, worker_id)
        judged = await self._current("set_phones", caller, worker_id, allowed, current)
        known = (await self._worker_as_known(worker_id)).person
        of_mobile = await self._kept_or_sealed(worker_id, mobile, known.mobile)
        of_home = await self._kept_or_sealed(worker_id, home, known.home)
        return await self._on_worker(
            "set_phones", caller, worker_id, lambda now: SetPhones(of_mobile, of_home, now, judged), allowed.guards, {}
        )

    async def set_code_words(
        self, caller: Caller, worker_id: str, given: CodeWordsGiven, current: str | None = None
    ) -> Handled:
        """Say by which words a person says on the telephone how they are. Under duress it only seems so."""
        allowed = await self._may("set_code_words", caller, worker_id)
        judged = await self._current("set_code_words", caller, worker_id, allowed, current)
        words = (given.challenge, given.all_well, given.duress)
        said = [folded(word) for word in words if word is not None]
        known = (await self._worker_as_known(worker_id)).person
        challenge, all_well, duress = [
            await self._kept_or_sealed(worker_id, word, kept)
            for word, kept in zip(words, known.code_words, strict=True)
        ]
        alike = len(set(said)) < len(said)
        return await self._on_worker(
            "set_code_words",
            caller,
            worker_id,
            lambda now: SetCodeWords(challenge, all_well, duress, alike, now, judged),
            allowed.guards,
            {},
        )

    async def _may(self, operation: str, caller: Caller, worker_id: str) -> Allowed:
        worker = await self.worker(worker_id)
        own = worker_id == caller.identity.worker_id
        return await self.authorise_at(caller.identity, operation, worker.site_id, own=own)

    async def _current(
        self, operation: str, caller: Caller, worker_id: str, allowed: Allowed, current: str | None
    ) -> Judged | None:
        """Say what was found of the current PIN; None where an administrator needs none."""
        if Role.ADMINISTRATOR in allowed.roles:
            return None
        return await self.current_pin(operation, caller, worker_id, current)

    async def _worker_as_known(self, worker_id: str) -> Worker:
        return WORKER.fold(await self.history(stream_of("worker", worker_id)))

    async def _kept_or_sealed(self, worker_id: str, text: str | None, kept: Sealed | None) -> Sealed | None:
        """Seal a text; where it is what was sealed before, keep that, so that the same once more is nothing new."""
        if text is not None and kept is not None and await self.keyring.open_or(kept) == text:
            return kept
        return await self.seal(worker_id, text)
