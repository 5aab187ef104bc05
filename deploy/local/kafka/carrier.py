"""Choose what carries events between the services of one installation: a Kafka, or the log alone. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from deploy.local.kafka.configuration import Node, single
from deploy.local.kafka.jars import VERSION, KafkaError, can_fetch, java, libs
from deploy.local.readiness import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SWITCH: Final = "LONEWATCH_KAFKA"
BOOTSTRAP: Final = "LONEWATCH_KAFKA_BOOTSTRAP"

OF_A_BROKER: Final = ("LONEWATCH_KAFKA_", "LONEWATCH_RELAY_")
"""Beginnings of the settings that services get with the address of somebody's broker: how to log in, how fast."""

OF_EVERY_BROKER: Final = ("LONEWATCH_KAFKA_PARTITIONS", "LONEWATCH_RELAY_MOST_PER_SECOND")
"""The ones that a broker of our own is for, too; it asks for no password and has one copy of everything."""


@dataclass(frozen=True)
class Carrier:
    """What carries the events, as one says it and as the services are told."""

    sentence: str
    broker: str = "none"
    """Its name and, where that is known for sure, its release; for those who read JSON. One that has to be fetched first
    may never come."""
    settings: Mapping[str, str] = field(default_factory=dict)
    node: Node | None = None
    """What is to be run for it on this machine."""


def log_alone(why: str) -> Carrier:
    """Return what is there without any Kafka; nothing is lost by it but milliseconds."""
    return Carrier(f"the log alone: {why}", settings=MappingProxyType({SWITCH: "off"}))


LOG_ALONE: Final = log_alone("nothing else was asked for")
"""For those who start an installation and say nothing of Kafka."""


def given(bootstrap: str, environment: Mapping[str, str]) -> Carrier:
    """Return somebody's broker, with the settings for it that the environment holds."""
    settings = {name: value for name, value in environment.items() if name.startswith(OF_A_BROKER)}
    return Carrier(
        f"Kafka at {bootstrap} ({BOOTSTRAP})", f"Kafka at {bootstrap}", {**settings, SWITCH: "on", BOOTSTRAP: bootstrap}
    )


def carrier(state: Path, environment: Mapping[str, str]) -> Carrier:
    """Return the first that is there: none where it is switched off, a given broker, one of our own, else the log.

    A broker of our own that can be fetched counts as there: it is fetched in the background, and nobody waits.
    """
    switch = environment.get(SWITCH, "") or "on"
    if switch not in {"on", "off"}:
        raise NotReadyError(f"{SWITCH} must be on or off, not {switch!r}.")
    if switch == "off":
        return log_alone(f"{SWITCH}=off")
    if bootstrap := environment.get(BOOTSTRAP):
        return given(bootstrap, environment)
    try:
        java()
    except KafkaError as error:
        return log_alone(str(error))
    if not libs().is_dir() and not can_fetch():
        return log_alone(f"no Maven on this machine to fetch Apache Kafka {VERSION} with")
    node = single(state / "kafka", state / "logs" / "kafka.log")
    here = libs().is_dir()
    settings = {name: environment[name] for name in OF_EVERY_BROKER if name in environment}
    return Carrier(
        f"Apache Kafka {VERSION} at {node.address} (its own files in {node.folder})"
        + ("" if here else ", as soon as it is fetched"),
        f"Apache Kafka {VERSION}" if here else "none",
        {**settings, SWITCH: "on", BOOTSTRAP: node.address},
        node,
    )
