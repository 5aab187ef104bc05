"""Find Java and Maven, and have Maven fetch Apache Kafka's jars once. Starts no broker.

The jars lie below the checkout's ``var``, where every installation of this machine finds them. Which release is said
by ``pom.xml`` alone, where from by Maven's own settings.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.database import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POM: Final = Path(__file__).with_name("pom.xml")
"""What Maven is asked for."""

_RELEASE: Final = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>([^<]+)<", POM.read_text("utf-8"))

VERSION: Final = _RELEASE.group(1) if _RELEASE else ""
"""The release of Apache Kafka that is run here."""

FOLDER: Final = ROOT / "var" / "kafka"
"""Where the jars lie, by release. Beside the installations, not in one: a demo removes its own."""

OLDEST_JAVA: Final = 17
"""What a broker of Apache Kafka 4 needs."""

FETCHED_WITHIN: Final = 600.0
"""Seconds for Maven: 45 MB on a slow line, and a second runner that waits for the first."""

FIRST_ERROR: Final = re.compile(r"\[ERROR\] (.+?)(?: -> \[|\n|$)")
"""What an error quotes of Maven's words: the first of them says what it could not do, the others where to read on."""


class KafkaError(RuntimeError):
    """Apache Kafka cannot do here what was asked; the message says why and what to do next."""


@dataclass(frozen=True)
class Programs:
    """What a broker is started from."""

    java: Path
    libs: Path

    @property
    def version(self) -> str:
        """The release, as the jar of the broker itself is named."""
        return next(iter(self.libs.glob("kafka_2.13-*.jar"))).stem.partition("-")[2]


def libs() -> Path:
    """Return where the jars of our release lie once they are fetched: the directory is there only when it is whole."""
    return FOLDER / VERSION / "libs"


def java() -> Path:
    """Return a Java that is new enough: of JAVA_HOME, else of PATH. Raises KafkaError."""
    home = os.environ.get("JAVA_HOME")
    found = [Path(home) / "bin" / "java"] if home else []
    found += [Path(one) for one in (shutil.which("java"),) if one]
    for one in found:
        if one.exists() and java_release(one) >= OLDEST_JAVA:
            return one
    raise KafkaError(f"no Java {OLDEST_JAVA} on this machine")


def java_release(program: Path) -> int:
    """Return the release that a Java says it is, 0 when it says none. Releases before 9 called themselves 1.x: 1."""
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = re.search(r'version "(\d+)', told)
    return int(said.group(1)) if said else 0


def programs() -> Programs:
    """Return what a broker is started from here and now. Raises KafkaError when Java or the jars are missing."""
    found = java()
    if not libs().is_dir():
        raise KafkaError(f"Apache Kafka {VERSION} is not fetched yet; 'make kafka' fetches it")
    return Programs(found, libs())


def can_fetch() -> bool:
    """Say whether the jars could be fetched: there is a Maven. Whether it reaches anything shows when it is asked."""
    return shutil.which("mvn") is not None


def fetch(say: Callable[[str], None]) -> Programs:
    """Return what a broker is started from, fetched first unless it is there. Blocks. Raises KafkaError."""
    found = java()
    if libs().is_dir():
        return Programs(found, libs())
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaError(f"no Maven on this machine to fetch Apache Kafka {VERSION} with")
    with _alone():
        if not libs().is_dir():  # nobody has fetched them while this waited
            say(f"fetching Apache Kafka {VERSION} with Maven (45 MB, once)")
            _fetch(maven)
    return Programs(found, libs())


def _fetch(maven: str) -> None:
    unfinished = libs().with_name("libs.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    asked = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
    try:
        done = subprocess.run(
            [maven, "-q", "-B", "--strict-checksums", "-f", POM, *asked],
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCHED_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise KafkaError(f"Maven did not fetch Apache Kafka {VERSION} within {FETCHED_WITHIN / 60:.0f} min") from None
    if done.returncode != 0 or not any(unfinished.glob(f"kafka_2.13-{VERSION}.jar")):
        said = FIRST_ERROR.search(done.stdout + done.stderr)
        reason = said.group(1).strip() if said else "it gave no reason"
        raise KafkaError(f"Maven could not fetch Apache Kafka {VERSION}: {reason}")
    for one in (unfinished, *unfinished.iterdir()):
        one.chmod(0o755 if one.is_dir() else 0o644)  # the broker's account reads them, whoever fetched
    unfinished.rename(libs())  # A crash before this leaves a directory that the next run removes.


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder while something is fetched into it; whoever comes second waits and finds it done."""
    (FOLDER / VERSION).mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
