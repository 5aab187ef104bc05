"""The ``topics`` part of the lonewatch command: make the topics of Kafka, look at them, or write what they carry.

Speaks to Kafka only. Lonewatch runs without it, so nothing here is needed by anything that runs.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from deploy.asyncapi_file import document_text
from deploy.client import RefusedError
from deploy.terminal import Json, console, fail, print_json, run
from shared.contracts.topics import TOPICS
from shared.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.doctor import Finding
    from shared.runtime.kafka import KafkaSettings
    from shared.runtime.topic_admin import Described, Ensured

_CLIENT = "lonewatch-topics"
"""How this command is known to Kafka."""

_FINE = frozenset({"there", "made"})

_NO_ADDRESS = "Say where Kafka is in LONEWATCH_KAFKA_BOOTSTRAP, as host:port; LONEWATCH_KAFKA must not be off."


@dataclass(frozen=True)
class Checked:
    """What was found of a topic that nothing was done to."""

    topic: str
    outcome: Literal["there", "missing", "differs", "untold"]
    partitions: int
    copies: int
    why: str = ""
    """What differs and what to do, in the doctor's words."""


def topics(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Make nothing; exit with 1 where a topic is missing or set otherwise.")
    ] = False,
    asyncapi: Annotated[
        Path | None,
        typer.Option(help="Write what the topics carry to this file, as AsyncAPI, and ask no Kafka.", dir_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the topics that Kafka does not have yet, with their settings; those that are there stay as they are."""
    if asyncapi is not None:
        _write(asyncapi)
    else:
        run(_topics(check=check, as_json=as_json), as_json=as_json)


def _write(file: Path) -> None:
    try:
        file.write_text(document_text(), encoding="utf-8")
    except OSError as error:
        fail(f"{file}: cannot be written ({error.strerror}); name another file.")
    console.print(f"Wrote {file}", markup=False)


async def _topics(*, check: bool, as_json: bool) -> None:
    found = await _ask(_settings(), check=check)
    for one in found:
        about = f"{one.partitions} partitions, {one.copies} of each record" if one.partitions else ""
        console.print(
            f"{one.topic:28} {one.outcome:8} {about}{' ' if about and one.why else ''}{one.why}", markup=False
        )
    if as_json:
        print_json({"topics": [asdict(one) for one in found]})
    if any(one.outcome not in _FINE for one in found):
        raise typer.Exit(1)


async def _ask(settings: KafkaSettings, *, check: bool) -> Iterable[Checked | Ensured]:
    # Imported here, as no other part of the command needs a client of Kafka and loading one takes most of a second.
    from aiokafka.errors import KafkaError  # noqa: PLC0415 -- see above

    from shared.runtime.topic_admin import ensure  # noqa: PLC0415 -- see above

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an error, and once
    try:
        return await (_check(settings) if check else ensure(settings, TOPICS, _CLIENT))
    except (KafkaError, OSError, TimeoutError) as error:
        where = ",".join(settings.bootstrap)
        raise RefusedError(
            "kafka_failed",
            f"Kafka at {where} was asked and did not do it: {str(error) or type(error).__name__}. Check LONEWATCH_KAFKA_BOOTSTRAP and the"
            " other LONEWATCH_KAFKA_ settings, and that Kafka runs and this client may do that.",
        ) from None


async def _check(settings: KafkaSettings) -> Iterable[Checked]:
    from deploy.doctor.kafka_client import asking  # noqa: PLC0415 -- loads a client, as above
    from deploy.doctor.kafka_topics import of_one  # noqa: PLC0415 -- as above
    from shared.runtime.kafka import connection  # noqa: PLC0415 -- as above
    from shared.runtime.topic_admin import described  # noqa: PLC0415 -- as above

    async with asking(connection(settings, _CLIENT)) as admin:
        cluster = await described(admin, TOPICS)
    there = {one.name: one for one in cluster.topics}
    return [_checked(topic.name, there.get(topic.name), of_one(topic, cluster, settings)) for topic in TOPICS]


def _checked(topic: str, found: Described | None, findings: Iterable[Finding]) -> Checked:
    if found is None:
        return Checked(topic, "missing", 0, 0, "'lonewatch topics' makes it.")
    if why := " ".join(f"{one.sentence} {one.remedy}" for one in findings):
        return Checked(topic, "differs", found.partitions, found.copies, why)
    if not found.settings:
        why = "Kafka does not say how it is set: let this client's name describe configurations."
        return Checked(topic, "untold", found.partitions, found.copies, why)
    return Checked(topic, "there", found.partitions, found.copies)


def _settings() -> KafkaSettings:
    """Return what the environment says of Kafka. What else a service needs is not asked for."""
    from shared.runtime.kafka import KafkaSettings  # noqa: PLC0415 -- loads a client, as above

    unused: dict[str, Any] = {
        "database": SecretStr("postgresql://nobody@nowhere/log"),
        "keys_database": SecretStr("postgresql://nobody@nowhere/keys"),
        "wrapping_key_file": Path("/dev/null"),
        "port": 1,
    }
    try:
        settings = KafkaSettings.of(ServiceSettings(**unused))
    except ValidationError as error:
        wrong = ", ".join(sorted(f"LONEWATCH_{str(one['loc'][0]).upper()}" for one in error.errors()))
        raise RefusedError("settings_wrong", f"These settings are wrong: {wrong}. Correct them.") from None
    except SettingsError as error:
        raise RefusedError("settings_wrong", str(error)) from None
    if not settings.enabled:
        raise RefusedError("no_kafka", _NO_ADDRESS)
    return settings
