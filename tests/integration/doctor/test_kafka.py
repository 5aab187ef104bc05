"""Kafka, broken for real: addresses that nobody has, a wrong password, another security, topics that lose what they carry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.doctor import Finding, Target, examine
from deploy.doctor.kafka import can_carry
from deploy.local.installation import free_port
from deploy.local.kafka import node as nodes
from deploy.local.kafka.configuration import Node, write_configuration
from deploy.local.kafka.jars import KafkaError
from shared.contracts.topics import TOPICS, VISITS
from shared.runtime.kafka import KafkaSettings
from shared.runtime.relay_ends import Ends
from shared.runtime.topic_admin import ensure
from tests.integration.channels.peers import self_signed
from tests.integration.doctor.conftest import Patient, found, named
from tests.support.kafka import Broker, own_broker, unavailable
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "127.0.0.1"

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

OURS = frozenset(topic.name for topic in TOPICS)


@dataclass(frozen=True)
class Careless:
    """A Kafka that makes a topic for whoever asks for one, and that takes a password at a second port."""

    broker: Broker
    secured: str

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await client.start()
        try:
            yield client
        finally:
            await client.close()

    async def topics(self) -> Mapping[str, int]:
        """Return how many partitions each of our topics has, as whoever asks is told; asks for none by name."""
        async with self.admin() as client:
            return {
                said["topic"]: len(said["partitions"])
                for said in await client.describe_topics(None)
                if said["topic"] in OURS
            }

    async def emptied(self) -> None:
        """Remove our topics, and wait until they are gone."""
        async with self.admin() as client:
            await client.delete_topics(sorted(await self.topics()))
        await self.has({})

    async def has(self, partitions: Mapping[str, int]) -> None:
        """Wait until whoever asks is told of these topics and no others: they are made before that."""

        async def told() -> bool:
            return await self.topics() == partitions

        await until(told)

    async def ensured(self, settings: KafkaSettings) -> None:
        """Make our topics as a release does, and wait until whoever asks is told of them."""
        made = await ensure(settings, TOPICS, "test")
        assert {one.outcome for one in made} <= {"there", "made"}
        await self.has({one.topic: one.partitions for one in made})

    async def make(self, partitions: Mapping[str, int], **settings: str) -> None:
        """Make topics by hand, each with so many partitions and all with these settings."""
        async with self.admin() as client:
            answer = await client.create_topics(
                [NewTopic(name, number, 1, topic_configs=settings) for name, number in partitions.items()]
            )
        assert [said["error_code"] for said in answer.to_object()["topic_errors"]] == [0] * len(partitions)
        await self.has(partitions)


@pytest.fixture(scope="module")
def careless() -> Iterator[Careless]:
    """One broker for this module, configured as no one should."""
    secured = f"{HOST}:{free_port()}"

    def careless_too(node: Node) -> None:
        write_configuration(node)
        listeners = f"PLAINTEXT://{node.address},ASKING://{secured}"
        more = {
            "auto.create.topics.enable": "true",
            "listeners": f"{listeners},CONTROLLER://{HOST}:{node.voters[0]}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ASKING:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.asking.plain.sasl.jaas.config": f'{LOGIN} required user_watch="right";',
        }
        with node.properties.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in more.items())  # the last of two counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "write_configuration", careless_too)
        try:
            with own_broker() as broker:
                broker.start()
                yield Careless(broker, secured)
        except KafkaError as error:
            unavailable(str(error))


def codes(findings: list[Finding]) -> set[str]:
    return {one.code for one in findings}


def target(patient: Patient, bootstrap: str, **settings: Any) -> Target:
    return patient.target(kafka_bootstrap=bootstrap, **settings)


async def carries(patient: Patient, bootstrap: str, **settings: Any) -> list[Finding]:
    return await can_carry(target(patient, bootstrap, **settings))


@pytest.mark.parametrize("settings", [{}, {"kafka": "off", "kafka_bootstrap": "kafka.example:9092"}])
async def test_an_installation_without_kafka_is_well_and_nothing_more_is_asked(
    patient: Patient, settings: dict[str, Any]
) -> None:
    findings = await examine(patient.target(**settings))
    (off,) = [one for one in findings if one.code.startswith(("kafka", "relay"))]
    assert (off.code, off.level) == ("kafka_off", "ok")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("kafka.invalid:9092", "kafka_name_unknown"),
        ("kafka..example:9092", "kafka_name_unknown"),
        (f"{HOST}:99999", "kafka_address_invalid"),
        (":9092", "kafka_address_invalid"),
        (f"{HOST}:1", "kafka_unreachable"),
    ],
)
async def test_an_address_at_which_there_is_no_kafka_is_named(patient: Patient, address: str, code: str) -> None:
    assert found(await carries(patient, address), code).level == "warning"


async def test_of_several_addresses_the_one_that_does_not_answer_is_named_and_the_others_are_asked(
    patient: Patient, careless: Careless
) -> None:
    gone = f"{HOST}:{free_port()}"
    findings = await examine(target(patient, f"{gone}, {HOST}:99999, {careless.bootstrap}"))
    assert gone in found(findings, "kafka_unreachable").sentence
    found(findings, "kafka_address_invalid")
    assert {"kafka_reached", "kafka_makes_topics", "log_append_only"} <= codes(findings)


async def test_a_wrong_password_another_mechanism_and_another_security_are_named(
    patient: Patient, careless: Careless, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    asking = {"kafka_security": "sasl_plaintext", "kafka_sasl_username": "watch", "kafka_sasl_password_file": password}
    plain = {**asking, "kafka_sasl_mechanism": "PLAIN"}
    refused = found(await carries(patient, careless.secured, **plain), "kafka_login_refused")
    assert "wrong" not in str(refused.shown()).replace("a wrong", "")
    found(await carries(patient, careless.secured, **asking), "kafka_login_unusable")
    found(await carries(patient, careless.bootstrap, **plain), "kafka_login_unusable")
    found(await carries(patient, careless.secured), "kafka_security_differs")
    found(await carries(patient, careless.bootstrap, kafka_security="ssl"), "kafka_tls_refused")
    password.write_text("right\n")
    taken = await carries(patient, careless.secured, **plain)
    assert "kafka_reached" in codes(taken)
    found(taken, "kafka_password_unprotected")


async def test_a_certificate_that_nobody_vouches_for_is_named(patient: Patient, tmp_path: Path) -> None:
    certified, _ = self_signed(tmp_path)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, HOST, 0, ssl=certified) as server:
        where = f"{HOST}:{server.sockets[0].getsockname()[1]}"
        found(await carries(patient, where, kafka_security="ssl"), "kafka_certificate_untrusted")
        known: dict[str, Any] = {"kafka_security": "ssl", "kafka_ca_file": tmp_path / "certificate.pem"}
        found(await carries(patient, where, **known), "kafka_security_differs")


async def test_a_file_of_a_secret_that_is_gone_is_named(patient: Patient, tmp_path: Path) -> None:
    secured: dict[str, Any] = {"kafka_security": "sasl_ssl", "kafka_sasl_password_file": tmp_path / "none"}
    findings = await examine(target(patient, f"{HOST}:9", **secured))
    found(findings, "kafka_files_unusable")
    assert "check_not_made" not in codes(findings)


async def test_topics_that_are_missing_are_named_and_not_made_by_looking(patient: Patient, careless: Careless) -> None:
    await careless.emptied()
    findings = await carries(patient, careless.bootstrap)
    assert VISITS in found(findings, "kafka_topic_missing").sentence
    found(findings, "kafka_makes_topics")
    assert await careless.topics() == {}


async def test_whoever_looks_for_the_end_of_a_topic_that_is_missing_does_not_make_it(careless: Careless) -> None:
    await careless.emptied()
    ends = Ends(KafkaSettings(bootstrap=(careless.bootstrap,)), VISITS, "test")
    await ends.open()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await ends.look()
        assert await careless.topics() == {}
        await careless.ensured(KafkaSettings(bootstrap=(careless.bootstrap,)))
        assert await ends.look() == dict.fromkeys(range(16), 0)
    finally:
        await ends.close()


async def test_topics_that_differ_forget_too_early_or_keep_one_record_of_a_visit_are_named(
    patient: Patient, careless: Careless
) -> None:
    await careless.emptied()
    partitions = dict.fromkeys(OURS, 16) | {VISITS: 4}
    await careless.make(partitions, **{"retention.ms": "3600000", "cleanup.policy": "compact,delete"})
    findings = await carries(patient, careless.bootstrap)
    assert f"{VISITS} 4" in found(findings, "kafka_partitions_differ").sentence
    assert found(findings, "kafka_partitions_few").sentence.startswith(VISITS)
    assert "1:00:00" in found(findings, "kafka_retention_short").sentence
    found(findings, "kafka_topic_compacted")


async def test_topics_as_this_release_makes_them_are_well(patient: Patient, careless: Careless) -> None:
    await careless.emptied()
    where = target(patient, careless.bootstrap)
    await careless.ensured(KafkaSettings.of(where.any))
    wrong = {one.code for one in await can_carry(where) if one.level != "ok"}
    assert wrong == {"kafka_makes_topics"}


async def test_a_service_that_is_at_work_and_follows_no_topic_is_named(patient: Patient, careless: Careless) -> None:
    await careless.ensured(KafkaSettings.of(target(patient, careless.bootstrap).any))
    consumer = AIOKafkaConsumer(VISITS, bootstrap_servers=careless.bootstrap, group_id="lonewatch-checkin")
    await consumer.start()
    try:
        findings = await examine(target(patient, careless.bootstrap))
    finally:
        await consumer.stop()
    nobody = {one.sentence.partition(" ")[0] for one in findings if one.code == "kafka_nobody_follows"}
    assert nobody == {"escalation", "notifier", "audit"}


async def test_records_that_wait_for_longer_than_a_minute_to_be_published_are_named(
    patient: Patient, careless: Careless
) -> None:
    clock = "CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS '{}'"
    await patient.do(clock.format("SELECT clock_timestamp() + interval ''90 s''"))
    try:
        behind = await named(target(patient, careless.bootstrap), "relay_behind")
    finally:
        await patient.do(clock.format("SELECT clock_timestamp()"))
    assert behind.sentence.startswith("checkin has not published")
    await patient.do("INSERT INTO log.relay (topic, position) SELECT topic, h.position FROM log.owner, log.head h")
    try:
        assert "relays_keep_up" in codes(await examine(target(patient, careless.bootstrap)))
    finally:
        await patient.do("DELETE FROM log.relay")
