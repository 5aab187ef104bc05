"""How far one process's relay is, for its own decisions and for people to see. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge

from shared.runtime.clock import monotonic, wall
from shared.runtime.relay_lease import LASTS
from shared.runtime.telemetry import REGISTRY

log = structlog.get_logger()

CURSOR = Gauge("lonewatch_relay_cursor", "Position up to which the topic is published", ["topic"], registry=REGISTRY)
BEHIND = Gauge("lonewatch_relay_behind", "Positions of the log beyond the cursor", ["topic"], registry=REGISTRY)
BEHIND_SECONDS = Gauge(
    "lonewatch_relay_behind_seconds", "Age of the oldest record not yet published", ["topic"], registry=REGISTRY
)
PUBLISHED = Counter("lonewatch_relay_published_total", "Records handed to Kafka", ["topic"], registry=REGISTRY)
GENERATIONS = Counter(
    "lonewatch_relay_generations_total", "Times that a topic is published again", ["topic"], registry=REGISTRY
)

PAGE = 500
"""Records in one page: few enough that what a crash repeats is little, and enough for thousands in a second."""

_SMALLER = 4
"""By how much the next page is smaller after a failure: a Kafka that is slow for everybody must take some page in time."""

Word = Literal["off", "waiting", "standing_by", "publishing", "cannot_connect"]


@dataclass(frozen=True)
class RelayState:
    """What a relay does at this moment, for people to see."""

    word: Word
    entered_at: datetime
    """By this process's own clock."""
    position: int
    """Up to which the topic is published, by whichever replica."""
    behind: int
    """Positions of the log beyond it."""
    behind_seconds: float
    """Age of the oldest record not yet published, by the log's time."""
    why: str = ""
    """Type of the error that keeps it from publishing."""


class Progress:
    """What a relay knows of itself."""

    def __init__(self, topic: str, word: Word) -> None:
        """Begin with ``word``, before the first look at the log."""
        self.page = PAGE
        self._topic = topic
        self._word: Word = word
        self._why = ""
        self._since = wall()
        self._position = self._head = 0
        self._oldest = 0.0
        self._renewed_at: float | None = None

    @property
    def state(self) -> RelayState:
        """What it does now."""
        behind = max(0, self._head - self._position)
        return RelayState(self._word, self._since, self._position, behind, self._oldest, self._why)

    @property
    def lasts(self) -> bool:
        """Whether the lease still holds by this process's own account: not after it was stopped for a while."""
        return self._renewed_at is not None and monotonic() - self._renewed_at < LASTS.total_seconds()

    def renewed(self, at: float) -> None:
        """Say that the lease was taken by a call that began at ``at``."""
        self._renewed_at = at

    def saw(self, position: int, head: int) -> None:
        """Say how far the topic is published and how far the log is."""
        self._position, self._head = position, head
        CURSOR.labels(self._topic).set(position)
        BEHIND.labels(self._topic).set(max(0, head - position))

    def waits(self, age: timedelta) -> None:
        """Say how old the oldest record is that is not published."""
        self._oldest = age.total_seconds()
        BEHIND_SECONDS.labels(self._topic).set(self._oldest)

    def published(self, records: int) -> None:
        """Count records that Kafka has acknowledged or found too large; the next page may be larger."""
        PUBLISHED.labels(self._topic).inc(records)
        self.page = min(PAGE, 2 * self.page)

    def failed(self, error: str) -> None:
        """Say what keeps it from publishing; the next page is smaller."""
        self.page = max(1, self.page // _SMALLER)
        self.enter("cannot_connect", error)

    def restarted(self, generation: int) -> None:
        """Say that Kafka had lost what it had, and that everything is published again."""
        GENERATIONS.labels(self._topic).inc()
        log.warning("topic_emptied", topic=self._topic, generation=generation, was=self._position)

    def enter(self, word: Word, why: str = "") -> None:
        """Take a state. It is said once, and not with every try."""
        if (word, why) == (self._word, self._why):
            return
        self._word, self._why, self._since = word, why, wall()
        say = log.warning if word == "cannot_connect" else log.info
        say("relay", topic=self._topic, state=word, **({"error": why} if why else {}))
