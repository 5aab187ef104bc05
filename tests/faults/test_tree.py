"""Whoever keeps the tree is killed at each step, is there twice, or has a full disk: never two checkpoints that contradict.

Judged by verifiers that nobody here wrote, against every checkpoint that anybody could have seen.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deploy.database import ROOT
from services.audit.tiles.crash import CRASH_POINTS
from services.audit.tiles.store import Store
from tests.faults.tree_writer import write
from tests.support.outside import VERIFIERS
from tests.support.outside.shown import Shown
from tests.support.outside.trees import NAME, SEED
from tests.support.waiting import until

SIZE, PAGE = 1100, 130
"""Four bundles and a bit, by pages that end within them."""


def writer(folder: Path, size: int) -> list[str]:
    return [sys.executable, "-m", "tests.faults.tree_writer", str(folder), str(size), str(PAGE)]


def environment(crash_at: str | None = None) -> dict[str, str]:
    named = {} if crash_at is None else {"LONEWATCH_TREE_CRASH_AT": crash_at}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **named}


def checkpoints(folder: Path) -> set[bytes]:
    """Return the checkpoints that can be seen now: the one that is committed, and the one that is published."""
    found = set()
    for name in ("committed", "public/checkpoint"):
        with suppress(FileNotFoundError):
            found.add((folder / name).read_bytes())
    return found


def agree(folder: Path, seen: set[bytes]) -> None:
    """Let every verifier compare what is published with each checkpoint that was ever seen."""
    key = Store(folder, SEED).key(NAME)
    grown_from = sorted(note for note in seen if note.split(b"\n")[1] != b"0")
    shown = [Shown(folder / "public", key, note) for note in grown_from]
    for verifier in VERIFIERS:
        assert [said for said in verifier(shown) if said] == []


def size_of(folder: Path) -> int:
    return int((folder / "public" / "checkpoint").read_bytes().split(b"\n")[1])


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_any_step_it_goes_on_where_it_was_and_contradicts_nothing(tmp_path: Path, point: str) -> None:
    seen: set[bytes] = set()
    for times in (2, 3, 1):
        ended = subprocess.run(writer(tmp_path, SIZE), env=environment(f"{point}:{times}"), check=False)
        assert ended.returncode == -signal.SIGKILL
        seen |= checkpoints(tmp_path)
    write(tmp_path, SIZE, PAGE)
    assert len(seen) > 1
    assert size_of(tmp_path) == SIZE
    assert not (tmp_path / "staging").exists()
    agree(tmp_path, seen | checkpoints(tmp_path))


async def test_two_that_keep_the_same_tree_take_turns(tmp_path: Path) -> None:
    seen: set[bytes] = set()
    both = [await asyncio.create_subprocess_exec(*writer(tmp_path, 5 * SIZE), env=environment()) for _ in range(2)]

    async def done() -> bool:
        seen.update(checkpoints(tmp_path))
        return all(one.returncode is not None for one in both)

    await until(done, within=60)
    assert [one.returncode for one in both] == [0, 0]
    assert len(seen) > 2
    assert size_of(tmp_path) == 5 * SIZE
    agree(tmp_path, seen)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yield a folder on a disk of its own that holds a hundred kilobytes."""
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk takes the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)


def fill(disk: Path, seen: set[bytes]) -> None:
    """Let the tree grow until there is no room, and remember each checkpoint."""
    for number in range(1, 1000):
        write(disk, number * PAGE, PAGE)
        seen |= checkpoints(disk)


def test_a_full_disk_stops_it_and_room_lets_it_go_on_by_itself(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        seen: set[bytes] = set()
        with pytest.raises(OSError, match="No space"):
            fill(disk, seen)
        assert seen
        agree(disk, seen | checkpoints(disk))
        before = size_of(disk)
        subprocess.run(["/bin/mount", "-o", "remount,size=20m", str(disk)], check=True)
        write(disk, before + 10 * PAGE, PAGE)
        assert size_of(disk) == before + 10 * PAGE
        agree(disk, seen | checkpoints(disk))
