"""Disclose single sealed fields: what each says, and the key that opens it and nothing else. No key of a person leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.audit.domain.bundling import FORMAT, as_json
from shared.runtime.sealed_fields import encode
from shared.runtime.sealing import ERASED, Erased

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.contracts.base import Sealed
    from shared.runtime.sealing import Keyring

Field = tuple[int, str]
"""A sealed field: the position of its record, and its name there."""


@dataclass
class Opening:
    """What was disclosed so far. Made for one bundle."""

    keyring: Keyring
    texts: dict[Field, str] = field(default_factory=dict)
    _fields: list[dict[str, Any]] = field(default_factory=list)
    _without_key: list[dict[str, Any]] = field(default_factory=list)
    _erased: list[dict[str, Any]] = field(default_factory=list)

    async def disclose(self, fields: Iterable[tuple[Field, Sealed]]) -> None:
        """Open these fields, and note their keys."""
        for (position, member), sealed in fields:
            where = {"index": position - 1, "position": position, "member": member}
            try:
                text, key = await self.keyring.open(sealed), await self.keyring.disclose(sealed)
            except Erased:
                self.texts[position, member] = ERASED
                self._erased.append(where)
                continue
            self.texts[position, member] = text
            if key is None:
                self._without_key.append({**where, "text": text})
            else:
                self._fields.append({**where, "text": text, "key": encode(key)})

    def keys_file(self) -> bytes:
        """Return ``keys.json``."""
        return as_json(
            {"format": FORMAT, "fields": self._fields, "without_key": self._without_key, "erased": self._erased}
        )
