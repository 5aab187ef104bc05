"""Sealed fields: only the holder of a person's key reads them, and without the key's row nobody does."""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from shared.runtime.postgres import open_pool
from shared.runtime.sealed_fields import open_with
from shared.runtime.sealing import Erased, Keyring, WrongWrappingKeyError, read_wrapping_key
from tests.support.services import Database

WRAPPING_KEY = bytes(range(32))
NAME = "Rhiannon Ó Súilleabháin"


@pytest.fixture
async def rings(database: Database) -> AsyncIterator[tuple[Keyring, Keyring]]:
    """Two processes with the operator's key, each of another service."""
    async with AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(await open_pool(database.keys_dsn(name), size=2))
            for name in ("checkin", "notifier")
        ]
        yield Keyring(pools[0], WRAPPING_KEY), Keyring(pools[1], WRAPPING_KEY)


@pytest.fixture
async def keys(database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The superuser's connection to the keys database."""
    connection = await asyncpg.connect(database.keys_admin)
    yield connection
    await connection.close()


async def test_what_one_process_seals_another_opens(rings: tuple[Keyring, Keyring]) -> None:
    sealed = await rings[0].seal("worker-1", NAME)
    assert await rings[1].open(sealed) == NAME
    assert await rings[0].open_or(sealed, "somebody") == NAME
    assert await rings[0].open_or(None, "somebody") == "somebody"


async def test_half_a_character_is_sealed_as_the_sign_for_one_that_cannot_be_shown(
    rings: tuple[Keyring, Keyring],
) -> None:
    cut, whole = (
        await rings[0].seal("worker-1", "the dog \ud83d"),
        await rings[0].seal("worker-1", "\ud83d\udc36 and 安全"),
    )
    assert await rings[1].open(cut) == "the dog \ufffd"
    assert await rings[1].open(whole) == "🐶 and 安全"


async def test_one_person_has_one_key_and_no_two_fields_look_alike(rings: tuple[Keyring, Keyring]) -> None:
    one, two = await rings[0].seal("worker-1", NAME), await rings[0].seal("worker-1", NAME)
    other = await rings[0].seal("worker-2", NAME)
    assert one.kid == two.kid != other.kid
    assert (one.nonce, one.ct) != (two.nonce, two.ct)


async def test_the_kid_is_the_hash_of_the_key(
    rings: tuple[Keyring, Keyring], keys: asyncpg.Connection[asyncpg.Record]
) -> None:
    sealed = await rings[0].seal("worker-1", NAME)
    key = aes_key_unwrap(WRAPPING_KEY, await keys.fetchval("SELECT wrapped FROM key WHERE kid = $1", sealed.kid))
    assert urlsafe_b64decode(sealed.kid + "=") == sha256(key).digest()


async def test_two_processes_that_make_a_persons_key_at_once_agree(rings: tuple[Keyring, Keyring]) -> None:
    for number in range(20):
        sealed = await asyncio.gather(*(ring.seal(f"worker-{number}", NAME) for ring in rings * 3))
        assert len({one.kid for one in sealed}) == 1
        assert {await rings[0].open(one) for one in sealed} == {NAME}


async def test_the_installations_secrets_are_made_once_and_differ_by_name(rings: tuple[Keyring, Keyring]) -> None:
    one, two = await asyncio.gather(*(ring.keyed_hash("digest", b"request") for ring in rings))
    assert one == two != await rings[0].keyed_hash("digest", b"another request")
    assert one != await rings[0].keyed_hash("link", b"request")


async def test_another_wrapping_key_is_named_as_the_reason(rings: tuple[Keyring, Keyring], database: Database) -> None:
    sealed = await rings[0].seal("worker-1", NAME)
    async with await open_pool(database.keys_dsn("audit"), size=1) as pool:
        stranger = Keyring(pool, os.urandom(32))
        with pytest.raises(WrongWrappingKeyError, match="LONEWATCH_WRAPPING_KEY_FILE"):
            await stranger.open(sealed)
        with pytest.raises(WrongWrappingKeyError, match="LONEWATCH_WRAPPING_KEY_FILE"):
            await stranger.seal("worker-1", NAME)


async def test_without_the_keys_row_nothing_opens(
    rings: tuple[Keyring, Keyring], keys: asyncpg.Connection[asyncpg.Record]
) -> None:
    gone, kept = await rings[0].seal("worker-1", NAME), await rings[0].seal("worker-2", NAME)
    await keys.execute("DELETE FROM key WHERE subject_id = 'worker-1'")
    with pytest.raises(Erased) as raised:
        await rings[1].open(gone)
    assert NAME not in str(raised.value)
    assert await rings[1].open_or(gone, "erased") == "erased"
    assert await rings[1].open(kept) == NAME


async def test_a_disclosed_key_opens_its_field_after_the_persons_key_is_gone_and_no_other_field(
    rings: tuple[Keyring, Keyring], keys: asyncpg.Connection[asyncpg.Record]
) -> None:
    one, two = await rings[0].seal("worker-1", NAME), await rings[0].seal("worker-1", NAME)
    key = await rings[1].disclose(one)
    assert key is not None
    await keys.execute("DELETE FROM key WHERE subject_id = 'worker-1'")
    assert open_with(key, one.ct) == NAME
    with pytest.raises(InvalidTag):
        open_with(key, two.ct)
    stranger = Keyring(rings[0]._pool, WRAPPING_KEY)  # noqa: SLF001 -- a process that has kept no key
    with pytest.raises(Erased):
        await stranger.disclose(two)


async def test_a_process_that_had_opened_it_forgets_it_after_the_time_kept(
    rings: tuple[Keyring, Keyring], keys: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = await rings[0].seal("worker-1", NAME)
    assert await rings[0].open(sealed) == NAME
    await keys.execute("DELETE FROM key")
    assert await rings[0].open(sealed) == NAME
    monkeypatch.setattr("shared.runtime.sealing.KEPT", 0.0)
    with pytest.raises(Erased):
        await rings[0].open(sealed)
    assert (await rings[0].seal("worker-1", NAME)).kid != sealed.kid


async def test_no_process_shows_a_sealed_text_by_accident(rings: tuple[Keyring, Keyring]) -> None:
    sealed = await rings[0].seal("worker-1", NAME)
    shown = repr(sealed) + str(sealed) + sealed.model_dump_json() + repr(rings[0])
    assert NAME not in shown
    assert sealed.ct not in repr(sealed)
    assert WRAPPING_KEY.hex() not in shown


async def test_a_service_reads_and_makes_keys_and_destroys_none(database: Database) -> None:
    connection = await asyncpg.connect(database.keys_dsn("checkin"))
    for statement in ("DELETE FROM key", "UPDATE key SET wrapped = ''", "DELETE FROM secret", "TRUNCATE credential"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


def test_a_wrapping_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "wrapping.key"
    file.write_text(WRAPPING_KEY.hex() + "\n")
    assert read_wrapping_key(file) == WRAPPING_KEY


@pytest.mark.parametrize("content", [None, "", "00" * 31, "zz" * 32])
def test_a_wrapping_key_that_is_none_is_refused_with_what_to_do(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "wrapping.key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(WrongWrappingKeyError, match=r"64 hexadecimal digits; restore it from your backup"):
        read_wrapping_key(file)
