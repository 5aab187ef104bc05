"""Read a topic of Kafka by kcat: a program that is not ours, and shows what anybody would see.

Frames each message by its lengths, as a value may hold any bytes.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.kafka import unavailable

_FORMAT = r"%p %o %K %S %h\n%k%s\n"
"""Partition, offset, lengths of key and value, headers; then key and value."""

_LONGEST = 60.0
"""Seconds for kcat to come to the end of a topic; usually less than one."""

_NEXT = re.compile(r",(?=[a-z][a-z_-]*=)")
"""Between two headers, as kcat writes them."""


_NOT_YET = ("Unknown topic or partition", "Leader not available")
"""What kcat says of a topic that nobody has made, or that was made a moment ago."""


class KcatError(RuntimeError):
    """kcat did not do it; says why in its own words."""


@dataclass(frozen=True)
class Read:
    """A message as kcat shows it."""

    partition: int
    offset: int
    key: bytes
    headers: Mapping[str, str]
    value: bytes


async def read_topic(bootstrap: str, topic: str) -> list[Read]:
    """Return everything that a topic holds, from its beginning: each partition in its order; nothing before it is made."""
    options = ("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-X", "fetch.wait.max.ms=50", "-f", _FORMAT)
    try:
        return list(_messages(await _kcat("-b", bootstrap, *options)))
    except KcatError as error:
        if any(sign in str(error) for sign in _NOT_YET):
            return []
        raise


async def partitions_of(bootstrap: str, topic: str) -> int:
    """Return how many partitions a topic has."""
    said = json.loads(await _kcat("-b", bootstrap, "-L", "-J", "-t", topic))
    [found] = said["topics"]
    return len(found["partitions"])


async def put(bootstrap: str, topic: str, partition: int, value: bytes, *headers: bytes) -> None:
    """Put a message on a topic that no program of ours would: its headers are ``name=value`` in any bytes."""
    said = [part for header in headers for part in (b"-H", header)]
    await _kcat("-P", "-b", bootstrap, "-t", topic, "-p", str(partition), *said, given=value)


async def _kcat(*options: str | bytes, given: bytes = b"") -> bytes:
    """Return what kcat writes. A test that asks for it is skipped where there is none, or fails where Kafka is required."""
    program = shutil.which("kcat") or unavailable("kcat is not installed")
    process = await asyncio.create_subprocess_exec(program, *options, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(_LONGEST):
            out, said = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise KcatError(said.decode(errors="replace"))
    return out


def _messages(out: bytes) -> Iterator[Read]:
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        partition, offset, key_length, length, headers = out[at:end].decode().split(" ", 4)
        key_end = end + 1 + int(key_length)
        value_end = key_end + int(length)
        assert out[value_end : value_end + 1] == b"\n", "kcat wrote other lengths than it said"
        said = dict(part.split("=", 1) for part in _NEXT.split(headers) if part)
        yield Read(int(partition), int(offset), out[end + 1 : key_end], said, out[key_end:value_end])
        at = value_end + 1
