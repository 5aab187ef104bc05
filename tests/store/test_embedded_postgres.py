"""The embedded PostgreSQL of the local runner: it keeps what it was given, and lets nobody in without a password."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local import account
from deploy.local.configuration import connections_for
from deploy.local.postgres import PostgresError, Server, kill, running, start, stop
from deploy.local.server import ends
from tests.support.postgres import temporary_state

RUNNER = """
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from deploy.local.postgres import start
with ThreadPoolExecutor(1) as thread:
    print(thread.submit(start, Path(sys.argv[1])).result().pid, flush=True)
sys.stdin.read()
"""
"""A runner that starts a server from a thread that is gone before the runner is."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """One state directory for this module: its data is made once, its server started by every test."""
    with temporary_state() as directory:
        yield directory


@pytest.fixture
def server(state: Path) -> Iterator[Server]:
    """Start a server on the module's data; end whichever runs there after the test."""
    yield start(state)
    stop(state)


async def ask(server: Server, query: str) -> object:
    """Return the one value that a query answers, asked over a connection of its own."""
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_second_start_finds_the_data_of_the_first_on_the_same_port(server: Server, state: Path) -> None:
    await ask(server, "CREATE TABLE kept AS SELECT 'before' AS word")
    stop(server)
    again = start(state)
    assert again.port == server.port
    assert await ask(again, "SELECT word FROM kept") == "before"


async def test_what_was_committed_survives_a_killed_server(server: Server, state: Path) -> None:
    await ask(server, "CREATE TABLE committed AS SELECT 'durable' AS word")
    kill(server)
    assert not psutil.pid_exists(server.pid)
    again = start(state)
    assert again.pid != server.pid
    assert await ask(again, "SELECT word FROM committed") == "durable"


async def test_killing_cuts_off_a_client_in_the_middle_of_a_query(server: Server) -> None:
    connection = await asyncpg.connect(server.dsn())
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    kill(server)
    assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")


async def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn(password="not the password"))


async def test_a_connection_without_a_password_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
        await asyncpg.connect(host=server.host, port=server.port, user="postgres", passfile=str(tmp_path / "none"))


async def test_every_way_in_asks_for_a_password_and_stays_on_this_machine(server: Server) -> None:
    ways = await ask(
        server, "SELECT string_agg(type || ' ' || address || ' ' || auth_method, ', ') FROM pg_hba_file_rules"
    )
    assert ways == "host 127.0.0.1 scram-sha-256, host ::1 scram-sha-256"
    assert await ask(server, "SHOW unix_socket_directories") == ""
    listening = {
        (each.laddr.ip, each.laddr.port) for each in server.process.net_connections() if each.status == "LISTEN"
    }
    assert listening == {("127.0.0.1", server.port)}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("max_connections", "200"),
        ("shared_buffers", "128MB"),
    ],
)
async def test_an_answered_write_is_on_the_disk_and_text_and_time_are_universal(
    server: Server, setting: str, value: str
) -> None:
    assert await ask(server, f"SHOW {setting}") == value


async def test_words_sort_and_change_case_alike_on_every_machine(server: Server) -> None:
    locale = await ask(
        server, "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'postgres'"
    )
    assert locale == "b C.UTF-8"
    assert await ask(server, "SELECT upper('zoë')") == "ZOË"


async def test_neither_a_failed_statement_nor_a_value_of_it_reaches_the_log(server: Server, state: Path) -> None:
    await ask(server, "CREATE TABLE IF NOT EXISTS person (name text PRIMARY KEY)")
    await ask(server, "INSERT INTO person VALUES ('Rosalind') ON CONFLICT DO NOTHING")
    with pytest.raises(asyncpg.UniqueViolationError, match="person_pkey"):
        await ask(server, "INSERT INTO person VALUES ('Rosalind')")
    with pytest.raises(asyncpg.InvalidTextRepresentationError, match="Rosalind"):
        await ask(server, "SELECT CAST('Rosalind' AS integer)")
    assert "Rosalind" not in (state / "postgres.log").read_text()


def test_only_its_owner_can_read_the_password(server: Server, state: Path) -> None:
    assert stat.S_IMODE((state / "password").stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert server.password not in repr(server)
    assert server.password not in " ".join(server.process.cmdline())


def test_it_never_runs_as_root(server: Server) -> None:
    assert 0 not in server.process.uids()
    assert 0 not in server.process.gids()
    assert server.data.stat().st_uid == server.process.uids().effective


def test_stopping_ends_the_process_and_may_be_repeated(server: Server, state: Path) -> None:
    stop(server)
    stop(server)
    assert not psutil.pid_exists(server.pid)
    assert running(state) is None


def test_a_server_left_over_from_an_earlier_run_is_taken_on(server: Server, state: Path) -> None:
    again = start(state)
    assert again == server
    assert again.pid == server.pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_server_ends_with_its_killed_runner_and_the_next_start_finds_everything(state: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as runner:
        assert runner.stdout is not None
        started = psutil.Process(int(runner.stdout.readline()))
        server = running(state)
        assert server is not None
        assert asyncio.run(ask(server, "SELECT 1")) == 1
        runner.kill()
    again = start(state)  # at once, while the other one may be ending
    try:
        assert ends(started, timedelta(seconds=10))
        assert asyncio.run(ask(again, "SELECT 1")) == 1
        assert again.pid != started.pid
    finally:
        stop(again)


def test_there_is_room_for_two_replicas_of_every_service_without_asking() -> None:
    assert connections_for(2) <= 200 < connections_for(4)


def test_a_left_over_server_is_not_taken_on_for_another_port(server: Server, state: Path) -> None:
    with pytest.raises(PostgresError, match=f"already runs on .* port {server.port}.*Stop it first"):
        start(state, port=server.port + 1)


def test_a_left_over_server_that_refuses_our_password_is_named_and_left_alone(server: Server, state: Path) -> None:
    (state / "password").write_text("another")
    try:
        with pytest.raises(PostgresError, match=f"kill -INT {server.pid}"):
            start(state)
        assert server.process.is_running()
    finally:
        (state / "password").write_text(server.password)


def test_a_lost_password_is_said_to_be_lost(server: Server, state: Path) -> None:
    stop(server)
    (state / "password").rename(state / "elsewhere")
    try:
        with pytest.raises(PostgresError, match=r"password of the database .* cannot be read"):
            start(state)
    finally:
        (state / "elsewhere").rename(state / "password")


def test_a_port_that_was_taken_meanwhile_is_replaced_by_a_free_one(server: Server, state: Path) -> None:
    stop(server)
    with socket.create_server((server.host, server.port)):
        again = start(state)
        assert again.port != server.port
        stop(again)
        with pytest.raises(PostgresError, match="is taken"):
            start(state, port=server.port)


async def test_a_setting_of_the_caller_takes_effect_and_a_quote_in_it_stays_one(server: Server, state: Path) -> None:
    stop(server)
    again = start(state, settings={"max_connections": "17", "cluster_name": "the night's \\ watch"})
    assert await ask(again, "SHOW max_connections") == "17"
    assert await ask(again, "SHOW cluster_name") == "the night's \\ watch"


@pytest.mark.parametrize("name", ["fsync", "listen_addresses", "hba_file", "log_min_messages"])
def test_what_keeps_data_safe_cannot_be_set_otherwise(server: Server, state: Path, name: str) -> None:
    stop(server)
    with pytest.raises(PostgresError, match=name):
        start(state, settings={name: "off"})


def test_a_failed_start_tells_the_end_of_the_log_and_leaves_no_process(server: Server, state: Path) -> None:
    stop(server)
    with pytest.raises(PostgresError, match=r"(?s)did not start.*start again.*shared_buffers.*plenty"):
        start(state, settings={"shared_buffers": "plenty"})
    assert running(state) is None


def test_data_of_another_release_is_refused(tmp_path: Path) -> None:
    with temporary_state() as elsewhere:
        (elsewhere / "data").mkdir()
        (elsewhere / "data" / "PG_VERSION").write_text("15\n")
        account.account_for(tmp_path / "new").own(elsewhere / "data")
        with pytest.raises(PostgresError, match="holds 15, not PostgreSQL 18"):
            start(elsewhere)


@as_root
def test_a_directory_that_its_account_may_not_enter_is_named_and_stays_closed() -> None:
    with temporary_state() as outer:
        outer.chmod(0o700)
        with pytest.raises(PostgresError, match=f"may not enter {outer}. Run this as an ordinary account"):
            start(outer / "var" / "postgres")
        assert stat.S_IMODE(outer.stat().st_mode) == 0o700


@as_root
async def test_programs_out_of_its_accounts_reach_are_copied_beside_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_state() as private, temporary_state() as elsewhere:
        for part in account.COPIED:
            (private / part).parent.mkdir(exist_ok=True)
            (private / part).symlink_to(account.installed() / part)
        private.chmod(0o700)
        monkeypatch.setattr(account, "installed", lambda: private)
        server = start(elsewhere)
        try:
            assert Path(server.process.exe()).is_relative_to(elsewhere)
            assert await ask(server, "SELECT 1") == 1
        finally:
            stop(server)
