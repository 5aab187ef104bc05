"""Say in a line what Kafka carries for one service, and which shards are behind, from what the services answer. Asks nobody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LAGS = 1.0
"""Seconds from which a shard is listed: twice what a record waits at most when its topic does not bring it."""

MOST = 5
"""Shards listed: whoever looks wants to know where it is worst; ``--json`` has all."""

_WELL = frozenset({"following", "publishing", "standing_by", "off"})


def kafka_line(kafka: Mapping[str, Any] | None) -> str:
    """Return what Kafka carries for one service; None where that service did not say."""
    if kafka is None:
        return "kafka: not known, for this service did not answer"
    if not kafka["brokers"]:
        return "kafka: not used; the log alone is followed"
    following, relay = kafka["following"], kafka["relay"]
    partitions = sum(map(len, following.get("partitions", {}).values()))
    followed = _state(following, f"{partitions} partitions" if following["state"] == "following" else "")
    behind = f", {relay['behind']} behind" if "behind" in relay else ""
    return f"kafka: {followed}, {_share(kafka)}; relay {_state(relay)}{behind} (replica {kafka['replica']})"


def _state(part: Mapping[str, Any], more: str = "") -> str:
    """Return what a part does; of what is not well since when, and why."""
    said = " ".join(filter(None, (part["state"].replace("_", " "), more)))
    if part["state"] in _WELL or "entered_at" not in part:
        return said
    return f"{said} since {part['entered_at'][:19]}Z" + (f" ({part['why']})" if part["why"] else "")


def _share(kafka: Mapping[str, Any]) -> str:
    """Return how much came by topics of what was applied while they were followed; rounded down, so that all is all."""
    by_topic = sum(one["by_topic"] for one in kafka["applied"])
    followed = by_topic + sum(one["by_log"] for one in kafka["applied"])
    if not followed:
        return "nothing by topics yet"
    return f"{math.floor(1000 * by_topic / followed) / 10:g} % of {followed} by topics"


def lag_lines(services: Mapping[str, Any]) -> Iterator[str]:
    """Yield the shards that are behind by more than a second, the worst first."""
    known = [service["kafka"] for service in services.values() if service.get("kafka")]
    lags = sorted(
        (lag for kafka in known for lag in kafka["lag"] or () if lag["seconds"] > LAGS), key=lambda lag: -lag["seconds"]
    )
    if any(kafka["lag"] is None for kafka in known):
        yield "The log does not say in time how far some are behind."
    if lags:
        yield "Behind, the worst first:"
    for lag in lags[:MOST]:
        where = f"{lag['consumer']}, {lag['topic']}, shard {lag['shard']}"
        yield f"  {where}: {lag['positions']} records, the oldest {lag['seconds']:.1f} s old"
    if len(lags) > MOST:
        yield f"  and {len(lags) - MOST} more (--json has all)"
