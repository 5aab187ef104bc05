"""A press of the button for help: how long until a provider sees the first byte, with Kafka and without.

A whole installation, one replica of every service, spoken to over HTTP. From the same presses: how long the log takes from
one service's event to the next service's effect.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from bench.people import Site, prepare
from bench.provider import Provider, provider
from bench.results import Result, at_most
from bench.rounds import percentile, spread
from bench.transports import bare_kafka, bare_poll, pause_of
from deploy.client import Client
from deploy.database import ROOT
from deploy.local.installation import free_port, installation
from deploy.local.kafka.carrier import LOG_ALONE, Carrier, carrier
from deploy.policy.files import load_policy
from deploy.sinks import MailSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WITH_KAFKA = 300.0
"""Milliseconds to the first byte for 99 of 100 presses, with Kafka and one replica."""

WITHOUT_KAFKA = 1000.0
"""The same while the log alone carries: three services in a row, each looking four times a second."""

SITES = 16
"""Sites that press in turn: calls to one person are at least a second apart, by design, and that is not what is measured."""

ENOUGH = 3
"""Presses in a row that are as quick as they must be, after which it counts."""

# From what the worker's press recorded to what escalation recorded of it, in milliseconds, for each press.
EFFECT = """
SELECT extract(epoch FROM min(o.recorded_at) - h.recorded_at)::float8 * 1000
FROM log.event h JOIN log.event o ON o.causation_id = h.event_id AND o.type LIKE 'escalation.%'
WHERE h.type = 'visit.help_requested.v1' GROUP BY h.position, h.recorded_at ORDER BY h.position
"""


@dataclass
class Presses:
    """What one installation gave, in milliseconds."""

    to_provider: list[float] = field(default_factory=list)
    to_effect: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


async def help_to_provider(folder: Path, presses: int, *, kafka: bool) -> list[Result]:
    """Measure both, with Kafka or without; nothing where there is no Kafka on this machine."""
    await asyncio.to_thread(_emptied, folder)
    by = await asyncio.to_thread(carrier, folder / "installation", {}) if kafka else LOG_ALONE
    if kafka and by.node is None:
        return []
    found = await _pressed(folder, presses, by)
    name, bound = ("with_kafka", WITH_KAFKA) if kafka else ("without_kafka", WITHOUT_KAFKA)
    p99 = percentile(found.to_provider, 99)
    bare = statistics.median(found.bare)
    effect = statistics.median(found.to_effect)
    return [
        Result(
            f"help_to_provider_{name}",
            p99,
            "ms, p99",
            spread=spread(found.to_provider),
            demands=(at_most(p99, bound, "ms"),),
            more={"presses": presses, "median": round(statistics.median(found.to_provider), 1)},
        ),
        Result(
            f"log_to_effect_{name}",
            effect,
            "ms",
            bare,
            "bare aiokafka: a record sent and taken" if kafka else "bare poll of the log as often as services look",
            bare / effect,
            spread(found.to_effect),
        ),
    ]


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def _pressed(folder: Path, presses: int, by: Carrier) -> Presses:
    async with (
        MailSink(folder / "mail.jsonl") as mail,
        provider() as told,
        installation(
            folder / "installation",
            port=free_port(),
            carrier=by,
            settings={"LONEWATCH_SMTP_HOST": mail.host, "LONEWATCH_SMTP_PORT": str(mail.port)},
        ) as running,
    ):
        admin = Client(running.url, running.first_administrator)
        policy = load_policy(ROOT / "policies" / "stepping-stones.toml")
        await admin.post("/checkin/policies", policy.model_dump(mode="json"))
        sites = [await prepare(admin, running.url, told, policy, f"site{number}") for number in range(SITES)]
        connection = await asyncpg.connect(running.dsn(), ssl=False)
        try:
            await _warm_up(sites, told, WITHOUT_KAFKA if by.node is None else WITH_KAFKA)
            found = Presses([await sites[number % SITES].press(told, pause_of(number)) for number in range(presses)])
            found.to_effect = [row[0] for row in await connection.fetch(EFFECT)][-presses:]
            bare = bare_poll(connection, presses) if by.node is None else bare_kafka(by.node.address, presses)
            found.bare = list(await bare)
            return found
        finally:
            await connection.close()
            for site in sites:
                await site.close()
            await admin.__aexit__()


async def _warm_up(sites: Sequence[Site], told: Provider, usual: float) -> None:
    """Press at every site uncounted, twice: until topics are followed, which takes seconds, the log alone carries."""
    quick = 0
    for site in (*sites, *sites):
        quick = quick + 1 if await site.press(told, 0) < usual else 0
        if quick == ENOUGH:
            return
