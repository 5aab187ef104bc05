"""Find ports of the loopback interface that nobody uses. Holds none of them: whoever starts soon gets them."""

from __future__ import annotations

import socket
from itertools import islice
from random import SystemRandom
from typing import Final

HOST: Final = "127.0.0.1"
"""What everything on one machine listens on: nothing off this machine can reach it."""


NEVER_LENT: Final = range(20_000, 30_000)
"""Ports that no system lends to a connection. A client that tries a server which is away is sooner or later lent the
server's own port, where that can be lent: it then speaks to itself, and the server cannot come back."""


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


def lasting_ports(number: int) -> list[int]:
    """Return ports that are free now, each another, and not taken by chance while their server is away."""
    free = (port for port in SystemRandom().sample(NEVER_LENT, len(NEVER_LENT)) if port_is_free(port))
    return list(islice(free, number))


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
