"""What a service could not do, recorded in its own trouble streams, which escalation follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.runtime.commands import Commands


@dataclass(frozen=True)
class Troubles:
    """The trouble streams of one service."""

    commands: Commands
    service: str
