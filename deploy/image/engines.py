"""The two engines: Docker where it answers, else Debian's buildah.

buildah runs as root without an engine: it changes into the image's files, takes on the image's account and environment, and stays
on the machine's network. Read-only roots, dropped capabilities and health checks are an engine's, so those are not tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.image.engine import NoEngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deploy.image.engine import Engine

ENTRY = ("python3", "-m", "deploy.image")
"""The image's entry point, for an engine that does not read it from the image by itself; a test compares the two."""

_ASKED_WITHIN = 90
"""Seconds for a registry to hand over an image: without a network this is what the first build waits in vain."""


def engine() -> Engine:
    """Return the first that is there. Raises NoEngineError."""
    if shutil.which("docker") and _succeeds(["docker", "info"]):
        return Docker()
    if shutil.which("buildah") and os.geteuid() == 0:
        return Buildah()
    raise NoEngineError(
        "Nothing here builds images. Start Docker's engine; or, as root on Debian: apt install buildah crun debootstrap."
    )


@dataclass
class Docker:
    """Docker's engine, with BuildKit."""

    name: str = "docker"
    _tag: str = ""

    def build_line(self, context: Path, tag: str, given: Mapping[str, str], secrets: Mapping[str, Path]) -> list[str]:
        """Build as everybody does."""
        return ["docker", "build", *_build_options(given, secrets), "--tag", tag, str(context)]

    def prepare(self, tag: str) -> None:
        """Remember the tag."""
        self._tag = tag

    def run_line(
        self, words: Sequence[str], environment: Mapping[str, str], mounted: Mapping[Path, str], *, entry: bool = True
    ) -> list[str]:
        """Run as docker-compose.yml does: read-only, without capabilities; but on the machine's own network."""
        hard = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host"]
        first = [] if entry else ["--entrypoint", words[0]]
        volumes = [f"--volume={path}:{inside}" for path, inside in mounted.items()]
        rest = words if entry else words[1:]
        return ["docker", "run", "--rm", "--init", *hard, *_variables(environment), *volumes, *first, self._tag, *rest]

    def has(self, tag: str) -> bool:
        """Look here, then ask the registry."""
        return _succeeds(["docker", "image", "inspect", tag]) or _succeeds(["docker", "pull", tag])

    def remove(self) -> None:
        """Leave nothing: every container goes when it ends."""


@dataclass
class Buildah:
    """buildah, with images as plain folders and programs in a changed root."""

    name: str = "buildah"
    _container: str = ""

    def build_line(self, context: Path, tag: str, given: Mapping[str, str], secrets: Mapping[str, Path]) -> list[str]:
        """Build in a changed root: nothing here needs an engine."""
        return [*BUILDAH, "bud", "--isolation", "chroot", *_build_options(given, secrets), "--tag", tag, str(context)]

    def prepare(self, tag: str) -> None:
        """Make one working container out of the image; all programs share its files, which their account cannot write."""
        made = subprocess.run([*BUILDAH, "from", "--pull-never", tag], capture_output=True, text=True, check=True)
        self._container = made.stdout.strip()

    def run_line(
        self, words: Sequence[str], environment: Mapping[str, str], mounted: Mapping[Path, str], *, entry: bool = True
    ) -> list[str]:
        """Run as the image's account, in its working directory."""
        volumes = [f"--volume={path}:{inside}" for path, inside in mounted.items()]
        options = ["--isolation", "chroot", *_variables(environment), *volumes]
        return [*BUILDAH, "run", *options, self._container, "--", *(ENTRY if entry else ()), *words]

    def has(self, tag: str) -> bool:
        """Look here, then ask the registry."""
        return _succeeds([*BUILDAH, "inspect", "--type", "image", tag]) or _succeeds([*BUILDAH, "pull", "--quiet", tag])

    def remove(self) -> None:
        """Remove the working container."""
        if self._container:
            subprocess.run([*BUILDAH, "rm", self._container], capture_output=True, check=False)
            self._container = ""


BUILDAH = ("buildah", "--storage-driver", "vfs")
"""Folders for layers: needs no support of the file system, and costs a copy of the image for each."""


def _succeeds(line: Sequence[str]) -> bool:
    try:
        return subprocess.run(line, capture_output=True, timeout=_ASKED_WITHIN, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _build_options(given: Mapping[str, str], secrets: Mapping[str, Path]) -> list[str]:
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    return arguments + [f"--secret=id={name},src={path}" for name, path in secrets.items()]


def _variables(environment: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environment.items()]
