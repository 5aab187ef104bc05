"""docker-compose.yml, the Dockerfile and .env.example name nothing that the code does not have, and give nothing away."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from deploy import migrate
from deploy.database import SERVICES
from deploy.front_settings import FrontSettings
from deploy.image.__main__ import PROGRAMS, command_line
from deploy.image.containers import FIRST_ADMINISTRATOR, SECRETS
from deploy.image.engines import ENTRY
from deploy.image.make_secrets import ACCOUNT, make_secrets
from deploy.local.configuration import FIXED, connections_for
from deploy.local.kafka.jars import VERSION
from shared.runtime.settings import RELEASE
from tests.support.compose import ROOT, dotenv, project

OURS = {name for name in project()["services"] if "lonewatch" in project()["services"][name]["image"]}
THEIRS = {"postgres", "kafka"}
ENDS_BY_ITSELF = {"migrate", "lonewatch"}
OPERATORS = {"tls_certificate", "tls_key"}
"""Secrets that nobody makes for the operator."""

FOR_COMPOSE_ALONE = {"LONEWATCH_IMAGE", "LONEWATCH_POSTGRES_IMAGE", "LONEWATCH_KAFKA_IMAGE", "LONEWATCH_LISTEN"}
"""Variables of .env that fill in docker-compose.yml and that no program reads."""

COMMAND_READS = {"LONEWATCH_URL", "LONEWATCH_TOKEN", "LONEWATCH_STATE"}
"""What the lonewatch command reads; a test looks for them in its code."""

ELSEWHERE = {
    "listen_addresses",
    "unix_socket_directories",
    "log_destination",
    "logging_collector",
    "password_encryption",
}
"""Settings of PostgreSQL that its image sets, or its data directory when it is made."""

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def services() -> Mapping[str, Any]:
    found: Mapping[str, Any] = project()["services"]
    return found


def settings_of(service: str) -> type[BaseSettings]:
    """Return the class that a container of ours reads its environment with."""
    program = services()[service]["command"][0]
    kinds: dict[str, type[BaseSettings]] = {"front": FrontSettings, "migrate": migrate.Settings}
    for name in SERVICES:
        kinds[name] = importlib.import_module(f"services.{name}.settings").Settings
    return kinds[program]


def variables(kind: type[BaseSettings]) -> set[str]:
    """Return every variable that a class of settings reads, with those that name a secret's file."""
    names = {f"LONEWATCH_{name}".upper() for name in kind.model_fields}
    secret = {
        f"LONEWATCH_{name}_FILE".upper()
        for name, field in kind.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    return names | secret


@pytest.mark.parametrize("service", sorted(OURS - {"lonewatch"}))
def test_a_container_is_given_only_what_its_program_reads(service: str) -> None:
    assert set(services()[service]["environment"]) - variables(settings_of(service)) == set()


@pytest.mark.parametrize("service", sorted(OURS - {"lonewatch"}))
def test_what_a_container_is_given_is_enough_to_start_with(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path)
    for name, value in services()[service]["environment"].items():
        if value is not None:
            monkeypatch.setenv(name, str(value).replace(SECRETS, str(tmp_path)))
    assert settings_of(service)().model_dump()


def test_the_command_is_given_only_what_it_reads() -> None:
    read = "".join(path.read_text("utf-8") for path in (ROOT / "deploy").glob("*.py"))
    assert [name for name in COMMAND_READS if f'"{name}"' not in read] == []
    assert set(services()["lonewatch"]["environment"]) <= COMMAND_READS


def test_what_env_example_offers_is_used_and_read() -> None:
    offered = set(re.findall(r"^#?(LONEWATCH_\w+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    used = set(re.findall(r"LONEWATCH_\w+", (ROOT / "docker-compose.yml").read_text("utf-8")))
    read = set().union(*(variables(settings_of(service)) for service in OURS - {"lonewatch"}))
    assert offered - used == set()
    assert offered - read == FOR_COMPOSE_ALONE
    assert offered >= FOR_COMPOSE_ALONE


def test_what_the_image_sets_is_read() -> None:
    assert set(re.findall(r"LONEWATCH_\w+", DOCKERFILE)) <= COMMAND_READS


def test_every_program_named_is_one_of_the_image() -> None:
    for service in OURS - {"lonewatch"}:
        assert command_line(services()[service]["command"])
    assert {services()[service]["command"][0] for service in OURS} == {*PROGRAMS, "--help"} - {"health"}
    assert services()["lonewatch"]["entrypoint"] == ["lonewatch"]
    assert "deploy/image/lonewatch /usr/local/bin/lonewatch" in DOCKERFILE


def test_the_entry_point_is_the_one_that_is_tried() -> None:
    found = re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    assert tuple(json.loads(found[1])) == ENTRY
    assert '"python3", "-m", "deploy.image", "health"' in DOCKERFILE
    for word, module in PROGRAMS.items():
        assert importlib.util.find_spec(module), word


def test_every_path_copied_is_there_and_is_sent_to_the_builder() -> None:
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    copied = [line for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) if "--from" not in line]
    assert len(copied) > 1
    for line in copied:
        for source in [word for word in shlex.split(line) if not word.startswith("--")][:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == path or source.startswith(f"{path}/") for path in sent), source


def test_nothing_is_sent_to_the_builder_but_what_is_named() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert not [line for line in lines if line.startswith("!") and re.search(r"secret|var|\.env|\.git", line)]


def test_release_and_image_are_the_same() -> None:
    assert f"ARG VERSION={RELEASE}\n" in DOCKERFILE
    assert {services()[service]["image"] for service in OURS} == {f"localhost/lonewatch:{RELEASE}"}
    assert services()["kafka"]["image"] == f"apache/kafka:{VERSION}"


def test_every_container_is_hardened() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        user, _, group = service["user"].partition(":")
        assert int(user) > 0, name
        assert int(group) > 0, name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert service["cpus"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == ("no" if name in ENDS_BY_ITSELF else "unless-stopped"), name


def test_every_container_that_stays_is_asked_for_its_health_and_may_end_in_order() -> None:
    for name in set(services()) - ENDS_BY_ITSELF:
        assert services()[name]["healthcheck"]["test"][0].startswith("CMD"), name
        assert services()[name]["stop_grace_period"], name


def test_every_image_has_a_tag_that_is_not_latest() -> None:
    for name, service in services().items():
        _, _, tag = service["image"].rpartition(":")
        assert re.match(r"\d", tag), name
    base = re.search(r"^ARG BASE=\S+:(\S+)$", DOCKERFILE, re.MULTILINE)
    assert base is not None
    assert base[1].startswith("3.11-")


def test_the_image_runs_as_the_account_that_reads_the_secrets() -> None:
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert users == [f"{ACCOUNT}:{ACCOUNT}"]
    assert {services()[service]["user"] for service in OURS} == set(users)
    assert services()["postgres"]["group_add"] == [str(ACCOUNT)]


def test_no_secret_stands_in_the_environment() -> None:
    for name, service in services().items():
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|HEARTBEAT_URL|_KEY(_|$)", variable):
                assert variable.endswith("_FILE"), f"{name} {variable}"
            assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), f"{name} {variable}"


def test_every_secret_that_is_read_is_given_and_every_secret_given_is_read() -> None:
    for name, service in services().items():
        named = set(re.findall(rf"{SECRETS}/(\w+)", json.dumps(service["environment"])))
        offered = set(re.findall(rf"=({SECRETS}/\w+)", (ROOT / ".env.example").read_text("utf-8")))
        optional = {Path(path).name for path in offered} if name.startswith("notifier") else set()
        assert named | optional == set(service.get("secrets", ())), name


def test_every_secret_is_made_or_the_operators_own(tmp_path: Path) -> None:
    assert set(project()["secrets"]) == set(make_secrets(tmp_path)) | OPERATORS
    assert {one["file"] for one in project()["secrets"].values()} == {
        f"./secrets/{name}" for name in project()["secrets"]
    }


def test_postgresql_keeps_its_data_where_its_image_of_this_release_does() -> None:
    assert services()["postgres"]["image"] == "postgres:18"
    assert services()["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_postgresql_keeps_what_was_answered_and_logs_no_values_as_in_the_trial() -> None:
    given = [word for word in services()["postgres"]["command"][1:] if word != "-c"]
    settings = dict(word.split("=", 1) for word in given)
    assert {name: value for name, value in FIXED.items() if name not in ELSEWHERE}.items() <= settings.items()
    assert int(settings["max_connections"]) >= connections_for(2)
    assert "--auth=scram-sha-256" in services()["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]


def test_nobody_waits_for_kafka() -> None:
    assert [name for name, service in services().items() if "kafka" in service.get("depends_on", ())] == []


def test_the_front_waits_for_nobody() -> None:
    assert "depends_on" not in services()["front"]


def test_services_begin_when_the_migration_has_ended_well() -> None:
    assert services()["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in OURS - {"migrate", "front", "lonewatch"}:
        assert services()[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}, name


def test_one_kafka_alone_has_every_setting_that_its_image_then_lacks() -> None:
    given = services()["kafka"]["environment"]
    copies = [name for name in given if re.search(r"REPLICATION_FACTOR|MIN_ISR", name)]
    assert len(copies) == 5
    assert {given[name] for name in copies} == {"1"}
    assert (
        given["KAFKA_ADVERTISED_LISTENERS"]
        == f"INTERNAL://{services()['checkin-1']['environment']['LONEWATCH_KAFKA_BOOTSTRAP']}"
    )
    assert services()["kafka"]["volumes"] == [f"kafka:{given['KAFKA_LOG_DIRS']}"]
    assert len(given["CLUSTER_ID"]) == 22


def test_the_front_asks_every_replica_and_nobody_else() -> None:
    front = json.loads(services()["front"]["environment"]["LONEWATCH_FRONT"])
    asked = [address for addresses in front["services"].values() for address in addresses]
    replicas = {name: services()[name] for name in OURS if services()[name]["command"][0] in SERVICES}
    assert sorted(asked) == sorted(
        f"http://{name}:{service['environment']['LONEWATCH_PORT']}" for name, service in replicas.items()
    )
    assert services()["front"]["ports"] == [f"0.0.0.0:443:{front['port']}"]
    assert list(front["services"]) == list(SERVICES)


def test_replicas_of_a_service_are_told_apart() -> None:
    for name in OURS:
        service, _, number = name.partition("-")
        if service in SERVICES:
            assert services()[name]["environment"]["LONEWATCH_REPLICA"] == number
            assert (
                services()[name]["environment"]["LONEWATCH_DATABASE"]
                == f"postgresql://lonewatch_{service}@postgres/lonewatch"
            )


def test_one_replica_alone_makes_the_first_administrator_where_it_may_write() -> None:
    makes = [name for name in OURS if "LONEWATCH_FIRST_ADMINISTRATOR_FILE" in services()[name]["environment"]]
    assert makes == ["checkin-1"]
    assert services()["checkin-1"]["environment"]["LONEWATCH_FIRST_ADMINISTRATOR_FILE"] == FIRST_ADMINISTRATOR
    assert services()["checkin-1"]["volumes"] == [f"first-administrator:{Path(FIRST_ADMINISTRATOR).parent}"]
    assert f"-m 0700 {Path(FIRST_ADMINISTRATOR).parent}" in DOCKERFILE


def test_only_the_front_is_published_and_only_what_must_gets_out() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["front"]
    assert project()["networks"]["back"] == {"internal": True}
    out = {name for name, service in services().items() if "outside" in service["networks"]}
    assert out == {"front", "notifier-1", "notifier-2", "lonewatch"}


def test_the_example_says_what_must_be_said() -> None:
    assert {"LONEWATCH_PUBLIC_URL", "LONEWATCH_RING"} <= set(dotenv())
