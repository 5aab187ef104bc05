"""Say in a few lines how all services are, from what one of them answers. Asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.kafka_text import kafka_line, lag_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def status_text(found: Mapping[str, Any]) -> str:
    """Return the lines: whether the watch is impaired and whom to ring, the heartbeat, each service, then what is behind."""
    services = found["services"]
    return "\n".join(
        (*watch_lines(found["watch"]), _heartbeat(found["heartbeat"]), *_services(services), *lag_lines(services))
    )


def watch_lines(watch: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether the watch is impaired, why, and whom to ring."""
    if not watch["impaired"]:
        yield "The watch is not impaired."
        return
    yield f"THE WATCH IS IMPAIRED: {'; '.join(watch['why'])}"
    yield watch["ring"]


def _heartbeat(heartbeat: Mapping[str, Any] | None) -> str:
    if heartbeat is None:
        return "No heartbeat was sent lately."
    return f"The last heartbeat was sent {heartbeat['sent_seconds_ago']:g} s ago."


def _services(services: Mapping[str, Any]) -> Iterator[str]:
    for name, service in services.items():
        yield f"{name}:"
        if not service["replicas"]:
            yield "  no replica has looked within a day"
        for replica in service["replicas"]:
            ages = ", ".join(f"{loop} {age:g} s ago" for loop, age in replica["cycles"].items())
            yield f"  replica {replica['replica']}: {ages}"
        yield f"  {kafka_line(service.get('kafka'))}"
        for behind in service["behind"]:
            yield f"  {behind['consumer']} has {behind['records']} records before it, the oldest {behind['oldest_seconds']:g} s old"
        for overdue in service["overdue"]:
            yield f"  {overdue['deadlines']} deadlines ({overdue['kind']}) are due, the oldest since {overdue['oldest_seconds']:g} s"
        if unsettled := {what: number for what, number in service["unsettled"].items() if number}:
            yield "  not settled: " + ", ".join(
                f"{what.replace('_', ' ')} {number}" for what, number in unsettled.items()
            )
