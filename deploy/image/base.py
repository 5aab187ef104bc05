"""The image that ours is built on, and what pip is told during the build. Builds nothing of ours.

Where no registry hands over the base that the Dockerfile names, one is made out of Debian's packages with debootstrap:
the same Debian and the same Python, from the distribution's own signed archive.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.image.engine import NoEngineError
from deploy.image.engines import BUILDAH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.image.engine import Engine

MADE_HERE = "localhost/lonewatch-base:bookworm"
"""The name of a base that was made on this machine."""

DEBIAN = "bookworm"
"""The Debian whose Python is 3.11, as that of the base that the Dockerfile names."""

PACKAGES = "python3,python3-venv,ca-certificates"
"""All that is added to the least Debian: no compiler, no editor, no network tools."""

LEFT_OUT = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man", "var/log")
"""Folders of the base that no running program reads."""

CERTIFICATES = "/etc/ssl/builder.pem"
"""Where the Dockerfile puts the build's secret ``certificates``."""


def named_base(dockerfile: Path) -> str:
    """Return the base that a Dockerfile builds on unless told otherwise."""
    found = re.search(r"^ARG BASE=(\S+)$", dockerfile.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{dockerfile} names no base")
    return found[1]


def base_for(engine: Engine, dockerfile: Path) -> str:
    """Return a base that is there: the Dockerfile's own, else one made here. Raises NoEngineError where neither can be."""
    named = named_base(dockerfile)
    if engine.has(named):
        return named
    if engine.name != "buildah" or not shutil.which("debootstrap"):
        raise NoEngineError(
            f"No registry hands over {named}, and nothing here makes a base. Give one: ARGS='--base NAME'."
        )
    if not _is_here(MADE_HERE):
        _make_base()
    return MADE_HERE


def _is_here(tag: str) -> bool:
    return (
        subprocess.run([*BUILDAH, "inspect", "--type", "image", tag], capture_output=True, check=False).returncode == 0
    )


def _make_base() -> None:
    """Make a base by debootstrap. Raises CalledProcessError; nothing but the image stays."""
    with tempfile.TemporaryDirectory(prefix="lonewatch-base-", dir="/var/tmp") as folder:
        root, packed = Path(folder) / "root", Path(folder) / "base.tar"
        _do("debootstrap", "--variant=minbase", f"--include={PACKAGES}", DEBIAN, str(root))
        left_out = [f"--exclude=./{path}/*" for path in LEFT_OUT]
        _do("tar", "--create", "--file", str(packed), "--directory", str(root), *left_out, ".")
        made = subprocess.run([*BUILDAH, "from", "scratch"], capture_output=True, text=True, check=True).stdout.strip()
        try:
            _do(*BUILDAH, "add", "--quiet", made, str(packed), "/")
            _do(*BUILDAH, "config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", made)
            _do(*BUILDAH, "commit", "--quiet", made, MADE_HERE)
        finally:
            subprocess.run([*BUILDAH, "rm", made], capture_output=True, check=False)


def _do(*line: str) -> None:
    subprocess.run(line, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def pip_secrets() -> Iterator[Mapping[str, Path]]:
    """Yield the build's two secrets: this machine's pip settings, and whom it trusts. They may hold a password."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE))
    trusted = Path(found.pop("cert", None) or os.environ.get("SSL_CERT_FILE") or "")
    with tempfile.TemporaryDirectory(prefix="lonewatch-pip-") as folder:
        secrets = {"pip": Path(folder) / "pip.conf"}
        # Where packages come from, and not what is a place on this machine; which they are the hashes say.
        lines = [f"{name} = {value}" for name, value in found.items() if not value.startswith(("/", "file:"))]
        if trusted.is_file():
            secrets["certificates"] = trusted
            lines.append(f"cert = {CERTIFICATES}")
        secrets["pip"].touch(0o600)
        secrets["pip"].write_text("[global]\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
        yield secrets
