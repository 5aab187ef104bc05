"""What every sink has in common: its file, its behaviour, and who wants to know at once.

Each arrival is one JSON line, synced before anything is answered; so after any crash the file says what really arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

Behaviour = Literal["accept", "refuse_for_now", "refuse_for_good", "hang", "cut"]
"""Take it; refuse it for now or for good; never answer; hang up instead of answering."""


@dataclass(eq=False)
class Sink(ABC):
    """A server that takes whatever comes; ``async with`` lets it listen."""

    path: Path
    """Where arrivals are written, a JSON line each; begun anew."""
    port: int = 0
    """Where it listens; 0 takes a free one, which stands here once it listens."""
    arrived: Callable[[dict[str, Any]], None] | None = None
    """Called with each arrival after it is written."""
    behaviour: Behaviour = "accept"
    """Of whatever comes next."""
    behaviour_file: Path | None = None
    """A file whose word is the behaviour, while it exists: for sinks in another process."""
    host: str = "127.0.0.1"
    arrivals: list[dict[str, Any]] = field(default_factory=list)
    _server: asyncio.Server | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        """Listen."""
        self.path.write_text("", encoding="utf-8")
        self._server = await self._listen()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, and let go whoever still waits."""
        if self._server is not None:
            self._server.close()
        await self.hang_up()

    @abstractmethod
    async def _listen(self) -> asyncio.Server:
        """Open the port."""

    @abstractmethod
    async def hang_up(self) -> None:
        """Let go whoever still waits for an answer."""

    def take(self, arrival: dict[str, Any]) -> Behaviour:
        """Write an arrival down for good, and return what to do about it."""
        behaviour = self.behaviour
        if self.behaviour_file is not None and self.behaviour_file.exists():
            word = self.behaviour_file.read_text(encoding="utf-8").strip()
            behaviour = cast("Behaviour", word) if word in get_args(Behaviour) else behaviour
        line = {"at": datetime.now(UTC).isoformat(), **arrival, "behaviour": behaviour}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.arrivals.append(line)
        if self.arrived is not None:
            self.arrived(line)
        return behaviour
