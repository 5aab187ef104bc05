"""Build the image and try it: ``python -m deploy.image.build``, which is ``make image``.

The trial starts what the image is for, out of the image and as its user: see ``deploy.image.trial``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from deploy.database import ROOT
from deploy.image.base import base_for, named_base, pip_secrets
from deploy.image.engine import NoEngineError
from deploy.image.engines import engine
from deploy.image.trial import TrialError, trial
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from deploy.image.engine import Engine

TAG = f"localhost/lonewatch:{RELEASE}"
"""The name that docker-compose.yml runs."""


def build(using: Engine, tag: str = TAG, base: str | None = None) -> str:
    """Build the image and return the base it stands on. Raises CalledProcessError or NoEngineError."""
    base = base or base_for(using, ROOT / "Dockerfile")
    given = {"VERSION": RELEASE, "REVISION": _revision()}
    if base != named_base(ROOT / "Dockerfile"):
        given["BASE"] = base
    with pip_secrets() as secrets:
        line = using.build_line(ROOT, tag, given, secrets)
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise NoEngineError(f"{using.name} could not build the image; its lines are above.")
    return base


def _revision() -> str:
    """Return the commit that is built, where this is a checkout."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 -- whichever git is on the PATH
    return found.stdout.strip() or "unknown"


def _say(sentence: str) -> None:
    print(f"… {sentence}", flush=True)  # noqa: T201 -- a command's own words


def main() -> None:
    """Build, try, and say what was done."""
    parser = argparse.ArgumentParser(description="Build the image and try it.")
    parser.add_argument("--base", help="the image to build on, in place of the Dockerfile's own")
    parser.add_argument("--tag", default=TAG, help=f"the image's name ({TAG})")
    wanted = parser.parse_args()
    began = time.monotonic()
    try:
        using = engine()
        _say(f"building {wanted.tag} with {using.name}")
        base = build(using, wanted.tag, wanted.base)
        _say(f"built on {base} in {time.monotonic() - began:.0f} s; trying it")
        trial(using, wanted.tag, _say)
    except (NoEngineError, TrialError) as error:
        sys.exit(f"error: {error}")
    print(f"{wanted.tag} is built and does what it is for. 'docker compose up' runs it: docs/deploying.md.")  # noqa: T201 -- a command's own words


if __name__ == "__main__":
    main()
