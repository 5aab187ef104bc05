"""Go's own checksum database (golang.org/x/mod/sumdb): a small program beside this, built once and kept below var.

``python -m tests.support.outside`` builds it ahead of the tests. Where there is no Go, a test that asks for it is
skipped; it fails with REQUIRE_VERIFIERS=1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.outside.shown import Shown

SOURCE = Path(__file__).parent / "go"
BUILT = Path(__file__).parents[3] / "var" / "verifiers"

OF_DEBIAN = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
"""Where Debian's package golang-golang-x-mod-dev puts the library: for a machine that reaches no proxy of modules."""


class NoGoError(Exception):
    """The program cannot be built here."""


def go_sumdb(shown: Sequence[Shown]) -> list[str]:
    """Judge by Go's checksum database."""
    try:
        program = built()
    except NoGoError as error:
        if os.environ.get("REQUIRE_VERIFIERS") == "1":
            pytest.fail(f"{error}, and REQUIRE_VERIFIERS=1", pytrace=False)
        pytest.skip(str(error))
    cases = json.dumps([_case(one) for one in shown])
    said = subprocess.run([program], input=cases, capture_output=True, text=True, check=True).stdout
    sentences: list[str] = json.loads(said)
    return sentences


def _case(shown: Shown) -> dict[str, Any]:
    return {
        "folder": str(shown.folder),
        "key": shown.key,
        "remembered": shown.remembered.decode("utf-8", "replace"),
        "receipts": [
            {
                "index": one.index,
                "entry": one.entry.hex(),
                "proof": [hash_.hex() for hash_ in one.proof or ()],
                "proven": one.proof is not None,
            }
            for one in shown.receipts
        ],
        "consistency": [hash_.hex() for hash_ in shown.consistency or ()],
        "proven": shown.consistency is not None,
    }


def built() -> Path:
    """Return the program, built from the source that there is. Raises NoGoError."""
    name = sha256(b"".join((SOURCE / file).read_bytes() for file in ("main.go", "go.mod", "go.sum"))).hexdigest()[:16]
    program = BUILT / name
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise NoGoError("there is no Go here (Debian: golang-go)")
    BUILT.mkdir(parents=True, exist_ok=True)
    new = program.with_suffix(f".{os.getpid()}")
    said = ""
    for settings in ({}, OF_DEBIAN):
        command = [go, "build", "-trimpath", "-o", str(new), "main.go"]
        run = subprocess.run(
            command, cwd=SOURCE, env=os.environ | settings, capture_output=True, text=True, check=False
        )
        if run.returncode == 0:
            new.replace(program)  # two processes may build at once: each leaves a whole program
            return program
        said += run.stderr
    raise NoGoError(f"the Go program cannot be built: {said.strip()}")
