"""Start and end one node of a local Kafka. Keeps nothing alive (``keeper`` does) and waits for no answer of it.

A child in a session of its own (Ctrl-C does not reach it), which Linux ends with whoever started it; elsewhere the next
start ends one that was left over. All of this blocks; from a coroutine use ``asyncio.to_thread``.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import signal
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import psutil

from deploy.local.kafka.account import account_for, within_reach
from deploy.local.kafka.configuration import write_configuration
from deploy.local.kafka.jars import KafkaError, Programs
from deploy.local.kafka.running import running
from deploy.local.parent import start_server

if TYPE_CHECKING:
    from deploy.local.account import Account
    from deploy.local.kafka.configuration import Node

STOPPED_WITHIN: Final = timedelta(seconds=5)
"""How long an orderly end may take before a broker is killed: what it loses the log makes good."""

HEAP: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC")
"""Memory of one node, of which a site needs a tenth. The simplest collector starts fastest and keeps least."""


def new_cluster() -> str:
    """Return an id for a Kafka that begins anew: 16 random bytes, as Kafka writes them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


def start(node: Node, programs: Programs, *, cluster: str | None = None) -> psutil.Process:
    """Start a node, on new data of the ``cluster`` when it has none. Raises KafkaError when that cannot be made."""
    kill(node)  # one left over by a runner that was killed; nobody else uses this folder
    node.folder.mkdir(parents=True, exist_ok=True)
    account = account_for(node.data)
    reached = within_reach(programs, account, node.folder)
    write_configuration(node)
    if not _is_formatted(node):
        _format(node, reached, account, cluster or new_cluster())
    options = (
        *HEAP,
        f"-Djava.io.tmpdir={node.folder / 'tmp'}",
        f"-Dlog4j2.configurationFile={node.folder}/log4j2.yaml",
    )
    command = (reached.java, *options, "-cp", f"{reached.libs}/*", "kafka.Kafka", node.properties)
    process = start_server(account, command, node.output, signal.SIGTERM)
    (node.folder / "pid").write_text(f"{process.pid}\n", "ascii")
    return process


def stop(node: Node) -> None:
    """End a node in order, paused or not; kill it when that takes too long."""
    process = running(node)
    if process is None:
        return
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        process.send_signal(signal.SIGCONT)
    if not _is_gone(process):
        kill(node)


def kill(node: Node) -> None:
    """End a node at once."""
    process = running(node)
    if process is None:
        return
    with suppress(psutil.NoSuchProcess):
        process.kill()
    _is_gone(process)


def wipe(node: Node) -> None:
    """Remove everything that a node kept; it begins anew as another Kafka. It must have ended."""
    (node.folder / "formatted").unlink(missing_ok=True)
    shutil.rmtree(node.data, ignore_errors=True)


def _is_gone(process: psutil.Process) -> bool:
    """Wait for an end with all its threads, which hold the ports until then; False when it takes too long."""
    try:
        process.wait(STOPPED_WITHIN.total_seconds())
    except psutil.TimeoutExpired:
        return False
    return True


def _is_formatted(node: Node) -> bool:
    return (node.folder / "formatted").exists() and node.data.is_dir()


def _format(node: Node, programs: Programs, account: Account, cluster: str) -> None:
    wipe(node)
    for folder in (node.data, node.folder / "tmp"):
        folder.mkdir(mode=0o700, exist_ok=True)
        account.own(folder)
    command = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(node.properties))
    logged = f"-Dlog4j2.configurationFile={node.folder}/log4j2.yaml"
    done = account.run(programs.java, logged, "-cp", f"{programs.libs}/*", *command)
    if done.returncode != 0:
        raise KafkaError(
            f"Apache Kafka could not make its data in {node.data}: {(done.stderr or done.stdout).strip()[-500:]} "
            "Free some space or correct what it names; it is tried again."
        )
    (node.folder / "formatted").write_text(f"{cluster}\n", "ascii")  # A crash before this: formatted anew.
