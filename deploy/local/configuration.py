"""Choose the port of the embedded PostgreSQL and write its two files of configuration, anew at every start.

They lie in the state directory, not in the data directory: that belongs to PostgreSQL's account, which could put a
link there for root to write through.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from deploy.local.account import PostgresError
from deploy.local.ports import HOST, free_port, port_is_free

PER_REPLICA: Final = 14
"""Connections that one replica of one service may hold: 6 for work, 2 for looking, 1 for appending and 3 for keys; and
two to spare, for those of a process that was killed and are not noticed yet."""

FOR_OTHERS: Final = 40
"""Connections for whoever else looks: the superuser, a backup, `lonewatch doctor`, the tests."""

DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_connections": "200",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] %u ",
    }
)
"""What the caller may change: room for two replicas of every service (`connections_for`), on a small machine."""

FIXED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_statement": "none",
        "log_duration": "off",
        "log_min_duration_statement": "-1",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
)
"""What no caller may change: an answered write is on the disk, nobody gets in without a password, and no statement and
no error of one (errors quote values: a name, a number) reaches the log. They go to the service that asked, only."""

ACCESS: Final = """\
# Written at every start: a password for every role, from this machine only.
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""
"""The whole of pg_hba.conf: no line trusts, and what no line names is refused (replication, other addresses)."""


def connections_for(replicas: int, services: int = 4) -> int:
    """Return the least `max_connections` for so many replicas of every service."""
    return services * replicas * PER_REPLICA + FOR_OTHERS


def choose_port(state: Path, wanted: int) -> int:
    """Return the wanted port; for 0 that of the last start while it is free, else a free one. Remembers it."""
    kept = state / "port"
    if wanted and not port_is_free(wanted):
        raise PostgresError(f"Port {wanted} of {HOST} is taken. End what listens there, or name another port.")
    last = kept.read_text("ascii").strip() if kept.exists() else ""
    if not wanted and last.isdecimal() and port_is_free(int(last)):
        return int(last)
    if not wanted:
        wanted = free_port()
    kept.write_text(f"{wanted}\n", "ascii")
    return wanted


def write_configuration(state: Path, port: int, settings: Mapping[str, str]) -> None:
    """Write postgresql.conf and pg_hba.conf. Raises PostgresError for a setting that must stay as it is."""
    if refused := sorted(settings.keys() & (FIXED.keys() | {"port", "hba_file", "data_directory"})):
        raise PostgresError(
            f"These settings of PostgreSQL cannot be changed here: {', '.join(refused)}. Leave them out."
        )
    values = {**DEFAULTS, **settings, **FIXED, "port": str(port), "hba_file": str(state / "pg_hba.conf")}
    lines = [f"{name} = '{value}'" for name, value in ((name, quote(value)) for name, value in values.items())]
    for name, text in (
        ("pg_hba.conf", ACCESS),
        ("postgresql.conf", "# Written at every start.\n" + "\n".join(lines) + "\n"),
    ):
        (state / name).write_text(text, "utf-8")
        (state / name).chmod(0o644)  # PostgreSQL's account reads it; nothing in it is secret


def quote(value: str) -> str:
    """Return a value as it stands between the quotes of postgresql.conf."""
    return value.replace("\\", "\\\\").replace("'", "''")
