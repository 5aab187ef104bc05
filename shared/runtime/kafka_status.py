"""What Kafka carries for one process, as this process knows it: which brokers, who follows and publishes, what came which way.

Says it and changes nothing. Whether everything arrived is never Kafka's to say: how far consumers are behind is read
from the log (``lag``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.runtime.records import instant
from shared.runtime.telemetry import FED

if TYPE_CHECKING:
    from shared.runtime.carrying import Carrying
    from shared.runtime.following import FollowingState
    from shared.runtime.lag import Lags
    from shared.runtime.relay_progress import RelayState
    from shared.runtime.settings import ServiceSettings

WAYS = ("topic", "log", "log_alone")
"""How a record came to a consumer: by its topic; by the log, although the topic is followed; by the log, while it was not."""


class KafkaStatus:
    """Answers what Kafka carries for this process."""

    def __init__(self, settings: ServiceSettings, carrying: Carrying, lags: Lags) -> None:
        """Ask ``carrying`` who follows and who publishes, and ``lags`` for what consumers are behind."""
        self._settings = settings
        self._carrying = carrying
        self._lags = lags

    async def read(self) -> dict[str, Any]:
        """Return it as an answer says it; ``lag`` is None where the log does not tell in time."""
        carrying = self._carrying
        lags = await self._lags.read()
        idle = {"state": "starting" if carrying.enabled else "off"}
        return {
            "replica": self._settings.replica,
            "brokers": list(self._settings.kafka_places),
            "following": _followed(carrying.following.state) if carrying.following else idle,
            "relay": _published(carrying.relay.state) if carrying.relay else idle,
            "applied": list(applied(self._lags.followed)),
            "lag": None if lags is None else [lag.shown() for lag in lags],
        }


def _followed(state: FollowingState) -> Mapping[str, Any]:
    partitions = {topic: list(numbers) for topic, numbers in sorted(state.partitions.items())}
    return {"state": state.word, "entered_at": instant(state.entered_at), "partitions": partitions, "why": state.why}


def _published(state: RelayState) -> Mapping[str, Any]:
    return {
        "state": state.word,
        "entered_at": instant(state.entered_at),
        "position": state.position,
        "behind": state.behind,
        "behind_seconds": round(state.behind_seconds, 3),
        "why": state.why,
    }


def applied(followed: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
    """Yield how many records came to each consumer, topic by topic, and which way, since this process started."""
    counted = {
        (sample.labels["consumer"], sample.labels["topic"], sample.labels["via"]): int(sample.value)
        for metric in FED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    for consumer, topic in followed:
        ways = {f"by_{way}": counted.get((consumer, topic, way), 0) for way in WAYS}
        yield {"consumer": consumer, "topic": topic, **ways}
