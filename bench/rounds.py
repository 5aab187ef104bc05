"""Rounds: what is measured and its limit take turns, so that whatever else this machine does meets both alike."""

from __future__ import annotations

import gc
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


@dataclass(frozen=True)
class Rounds:
    """What each round gave, in order."""

    values: Sequence[float]
    limits: Sequence[float]

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def limit(self) -> float:
        """The median of the limit."""
        return statistics.median(self.limits)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a part of the median."""
        return spread(self.values)

    @property
    def ratio(self) -> float:
        """The median of each round's own ratio, for rates: more is better."""
        return statistics.median(value / limit for value, limit in zip(self.values, self.limits, strict=True))

    @property
    def ratio_of_times(self) -> float:
        """The same for times: less is better, and 1 is still as good as the limit."""
        return statistics.median(limit / value for value, limit in zip(self.values, self.limits, strict=True))


async def interleaved(
    rounds: int, measured: Callable[[], Awaitable[float]], limit: Callable[[], Awaitable[float]]
) -> Rounds:
    """Let both take turns, the limit first; the first round warms up and is not counted."""
    values, limits = list[float](), list[float]()
    for _ in range(rounds + 1):
        gc.collect()
        limits.append(await limit())
        gc.collect()
        values.append(await measured())
    return Rounds(values[1:], limits[1:])


def spread(values: Sequence[float]) -> float:
    """Return half the distance between the first and the third quartile, as a part of the median."""
    middle = statistics.median(values)
    if len(values) < 2 or not middle:  # noqa: PLR2004 -- one value has no quartiles
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return (third - first) / 2 / middle


def percentile(values: Sequence[float], per_cent: int) -> float:
    """Return the value below which so many of a hundred lie."""
    return sorted(values)[min(len(values) - 1, len(values) * per_cent // 100)]
