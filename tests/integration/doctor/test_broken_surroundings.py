"""What stands around the database, broken for real: the key's file, the disk, the clock, mail, the heartbeat, settings."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.doctor import Finding, examination, examine
from deploy.doctor.channels import people_can_follow_links
from deploy.doctor.keys import file_is_well
from deploy.image.make_secrets import WRAPPING_KEY as MADE
from deploy.image.make_secrets import make_secrets
from deploy.local.installation import free_port
from shared.runtime.clock import wall
from tests.integration.channels.peers import HOST, Mailbox, mail_server, self_signed
from tests.integration.doctor.conftest import Patient, found, named

pytestmark = pytest.mark.asyncio(loop_scope="module")


def a_key(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file in the place of the wrapping key."""
    path = folder / "another.key"
    path.write_text(text)
    path.chmod(mode)
    return path


async def test_a_wrapping_key_that_is_gone_broken_open_to_others_or_another_is_named(
    patient: Patient, tmp_path: Path
) -> None:
    right = patient.installation.wrapping_key_file.read_text()
    assert (await named(patient.target(wrapping_key_file=tmp_path / "none"), "wrapping_key_missing")).level == "error"
    for text, mode, code in (
        (right[:-2], 0o600, "wrapping_key_malformed"),
        (right, 0o644, "wrapping_key_exposed"),
        (secrets.token_hex(32), 0o600, "wrapping_key_wrong"),
    ):
        await named(patient.target(wrapping_key_file=a_key(tmp_path, text, mode)), code)


async def test_a_wrapping_key_as_containers_get_it_is_kept_until_others_may_read_or_its_group_may_change_it(
    patient: Patient, tmp_path: Path
) -> None:
    make_secrets(tmp_path)
    key = tmp_path / MADE
    in_containers = replace(patient.target(wrapping_key_file=key), folder=None)
    assert [one.code for one in await file_is_well(in_containers)] == ["wrapping_key_kept"]
    assert "wrapping_key_exposed" in {one.code for one in await file_is_well(patient.target(wrapping_key_file=key))}
    for mode in (0o444, 0o460):
        key.chmod(mode)
        exposed = found(await file_is_well(in_containers), "wrapping_key_exposed")
        assert exposed.remedy == f"chmod g-w,o-rwx {key}"


async def test_a_disk_that_is_nearly_full_is_named(patient: Patient) -> None:
    full = patient.target(more={"usage": lambda _: (300 * 1024**2, 100 * 1024**3)})
    assert "300 MB" in (await named(full, "disk_nearly_full")).sentence


@pytest.mark.parametrize("seconds", [-60, 60])
async def test_a_clock_that_differs_is_named(patient: Patient, seconds: int) -> None:
    skewed = patient.target(more={"clock": lambda: wall() + timedelta(seconds=seconds)})
    assert "60 s apart" in (await named(skewed, "clock_differs")).sentence


async def test_a_mail_server_that_is_not_reached_or_refuses_the_login_is_named(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: dict[str, Any] = {"smtp_host": HOST, "smtp_port": free_port()}
    await named(patient.target(**gone), "mail_server_unreachable")
    server, _ = self_signed(tmp_path)
    async with mail_server(Mailbox(), starttls=server, login=(b"watch", b"right")) as port:
        secure: dict[str, Any] = {"smtp_host": HOST, "smtp_port": port, "smtp_security": "starttls"}
        login: dict[str, Any] = {**secure, "smtp_username": "watch", "smtp_password": "wrong"}
        await named(patient.target(**login), "mail_certificate_untrusted")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        refused = await named(patient.target(**login), "mail_login_refused")
        assert "wrong" not in refused.sentence
        taken = await examine(patient.target(**{**login, "smtp_password": "right"}))
    assert "mail_server_answers" in {one.code for one in taken}


async def test_a_password_in_the_clear_and_a_sender_that_is_none_are_named_before_anything_is_sent(
    patient: Patient,
) -> None:
    mail: dict[str, Any] = {"smtp_host": HOST, "smtp_port": free_port()}
    in_the_clear = patient.target(**mail, smtp_username="watch", smtp_password="secret", mail_from="Lonewatch")
    await named(in_the_clear, "mail_password_unprotected")
    await named(in_the_clear, "mail_sender_invalid")


async def test_a_heartbeat_that_nobody_takes_and_settings_that_nobody_made_are_named(patient: Patient) -> None:
    unheard = await named(patient.target(heartbeat_url=f"http://{HOST}:{free_port()}/secret"), "heartbeat_not_answered")
    assert unheard.level == "error"
    assert "secret" not in unheard.sentence
    for code in ("heartbeat_not_set", "ring_is_default", "mail_not_set_up"):
        assert (await named(patient.target(), code)).level == "warning"


async def test_links_to_the_readers_own_machine_are_named_where_services_run_on_hosts(patient: Patient) -> None:
    assert await people_can_follow_links(patient.target()) == []
    on_a_host = replace(patient.target(), folder=None)
    assert [one.code for one in await people_can_follow_links(on_a_host)] == ["public_url_is_local"]


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("public_url", "http://[", "public_url_invalid"),
        ("public_url", "lonewatch.example", "public_url_invalid"),
        ("heartbeat_url", "not an address", "heartbeat_address_invalid"),
        ("heartbeat_url", "https://switch.example:99999/canary", "heartbeat_address_invalid"),
        ("smtp_host", "mail..example", "mail_server_unreachable"),
    ],
)
async def test_an_address_that_is_none_is_named_and_the_other_checks_are_made(
    patient: Patient, setting: str, value: str, code: str
) -> None:
    wrong: dict[str, Any] = {setting: value}
    findings = await examine(patient.target(**wrong))
    assert "canary" not in str(found(findings, code).shown())
    assert "wrapping_key_fits" in {one.code for one in findings}


@pytest.mark.parametrize("failure", [asyncpg.InterfaceError("closed"), TimeoutError(), ConnectionResetError()])
async def test_a_check_that_is_cut_off_is_named_and_the_others_are_made(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def cut_off(*_: object) -> list[Finding]:
        raise failure

    monkeypatch.setattr(examination, "OF_THE_LOG", (cut_off, *examination.OF_THE_LOG))
    monkeypatch.setattr(examination, "OF_THE_MACHINE", (cut_off, *examination.OF_THE_MACHINE))
    findings = await examine(patient.target())
    assert found(findings, "check_not_made").level == "error"
    assert {"disk_has_room", "log_append_only"} <= {one.code for one in findings}
