"""Whether Lonewatch watches at this moment, as one process knows it, and what it says when it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ImpairedError(Exception):
    """Nobody can be watched over at this moment, so nothing that needs a watch is begun."""


@dataclass(frozen=True)
class Impairment:
    """That the watch is impaired: why, and whom to ring instead."""

    why: tuple[str, ...]
    ring: str

    def shown(self) -> Mapping[str, Any]:
        """Return it as an answer says it."""
        return {"impaired": True, "why": list(self.why), "ring": self.ring}


class Watch:
    """Knows whether every service finished its work lately."""

    @property
    def impairment(self) -> Impairment | None:
        """What is wrong with the watch now; None while all is well."""
        return None

    def require(self) -> None:
        """Raise ImpairedError while the watch is impaired."""
        if self.impairment is not None:
            raise ImpairedError
