"""Find the process of a local Kafka's node, whoever started it. Starts and ends none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from deploy.local.kafka.configuration import Node


def running(node: Node) -> psutil.Process | None:
    """Return the process of a node, whoever started it, or None."""
    try:
        process = psutil.Process(int((node.folder / "pid").read_text("ascii")))
        if process.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(process.pid, os.WNOHANG)
            return None
        return process if str(node.properties) in process.cmdline() else None  # else the id is another's by now
    except (OSError, ValueError, psutil.Error):
        return None
