"""What an engine is that builds images and runs programs out of them on this machine, and how such a program is ended."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Protocol

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Engine(Protocol):
    """One way to have images."""

    name: str

    def build_line(self, context: Path, tag: str, given: Mapping[str, str], secrets: Mapping[str, Path]) -> list[str]:
        """Return the command that builds ``context`` as ``tag``, with build arguments and secrets."""

    def prepare(self, tag: str) -> None:
        """Make an image that was built ready to run."""

    def run_line(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        mounted: Mapping[Path, str],
        *,
        entry: bool = True,
    ) -> list[str]:
        """Return the command that runs words in the image prepared last, by its entry point or as they are."""

    def has(self, tag: str) -> bool:
        """Say whether there is such an image, here or where this engine pulls from."""

    def remove(self) -> None:
        """Remove what ``prepare`` made; the image stays."""


class NoEngineError(RuntimeError):
    """Nothing here builds images; the message says what to install."""


def end(process: subprocess.Popen[bytes], within: float) -> int:
    """Ask a program of an image to end, and return its exit code; buildah itself would kill it where Docker asks."""
    innermost = psutil.Process(process.pid)
    while children := innermost.children():
        innermost = children[-1]
    innermost.terminate()
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        innermost.kill()
        process.wait(within)
        raise
