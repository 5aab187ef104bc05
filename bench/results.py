"""What a benchmark found: a value, the limit measured beside it, what is demanded of both, and whether that holds.

Measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

LATEST = Path(__file__).parent / "results" / "latest.json"
"""Where the last whole run is kept."""


@dataclass(frozen=True)
class Demand:
    """One thing that must hold, as a sentence with the numbers that decide it."""

    sentence: str
    holds: bool


@dataclass(frozen=True)
class Result:
    """One benchmark's outcome. A ratio of 1 is as good as the limit, and more is better, whatever the unit."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_is: str = ""
    ratio: float | None = None
    """Median over the rounds: each round's value against the limit of the same round."""
    spread: float = 0.0
    """Half the distance between the first and third quartile of the value, as a part of its median."""
    peers: Mapping[str, float] = field(default_factory=dict)
    demands: tuple[Demand, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else was counted on the way."""

    @property
    def missed(self) -> list[str]:
        """The demands that do not hold."""
        return [demand.sentence for demand in self.demands if not demand.holds]

    def shown(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "limit": None if self.limit is None else round(self.limit, 3),
            "limit_is": self.limit_is,
            "ratio_to_limit": None if self.ratio is None else round(self.ratio, 3),
            "peers": {name: round(value, 3) for name, value in self.peers.items()},
            "spread": round(self.spread, 3),
            "demanded": [demand.sentence for demand in self.demands],
            "missed": self.missed,
            **self.more,
        }


def at_least_of_limit(ratio: float, share: float) -> Demand:
    """Demand a share of the limit."""
    return Demand(f"at least {share:g} of its limit: it is {ratio:.2f}", ratio >= share)


def at_most(value: float, bound: float, unit: str) -> Demand:
    """Demand an upper bound."""
    return Demand(f"at most {bound:g} {unit}: it is {value:.3g}", value <= bound)


def at_least_times(value: float, peer: float, times: float, name: str) -> Demand:
    """Demand so many times what a peer does."""
    return Demand(f"at least {times:g} times {name}: it is {value / peer:.1f} times", value >= times * peer)


def none_lost(lost: int, what: str) -> Demand:
    """Demand that nothing was lost."""
    return Demand(f"nothing lost {what}: {lost} were", lost == 0)


def write(results: Sequence[Result], path: Path = LATEST) -> None:
    """Keep a run: one JSON list, one result a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = b",\n".join(orjson.dumps(result.shown()) for result in results)
    path.write_bytes(b"[\n" + lines + b"\n]\n")


def show(results: Sequence[Result], console: Console) -> None:
    """Print a run as a table, and below it what was missed."""
    table = Table("benchmark", "value", "unit", "limit", "ratio", "spread", "peers")
    for result in results:
        table.add_row(
            result.name,
            f"{result.value:,.4g}" if result.value < 1000 else f"{result.value:,.0f}",  # noqa: PLR2004 -- four digits
            result.unit,
            "" if result.limit is None else f"{result.limit:,.4g}",
            "" if result.ratio is None else f"{result.ratio:.2f}",
            f"{result.spread:.0%}",
            ", ".join(f"{name} {value:,.0f}" for name, value in result.peers.items()),
        )
    console.print(table)
    for result in results:
        for sentence in result.missed:
            console.print(f"[red]missed[/red] {result.name}: {sentence}")
