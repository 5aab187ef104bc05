"""Find ports of the loopback interface that nobody uses. Holds none of them: whoever starts soon gets them."""

from __future__ import annotations

import socket
from typing import Final

HOST: Final = "127.0.0.1"
"""What everything on one machine listens on: nothing off this machine can reach it."""


def free_port() -> int:
    """Return a port that is free now."""
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """Return ports that are free now, each another."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
