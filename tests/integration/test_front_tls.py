"""The front with a certificate, as a process of its own: who may speak to it, and what it says of files of no use."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.database import ROOT
from deploy.image.certificate import write_certificate
from deploy.local.installation import free_port
from tests.support.waiting import until


def front(folder: Path, **described: Any) -> subprocess.Popen[str]:
    """Start a front that knows of no service."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LONEWATCH_FRONT": json.dumps(described)}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.front"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def healthy(**described: Any) -> int:
    """Run the image's health check beside it and return its exit code."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LONEWATCH_FRONT": json.dumps(described)}
    line = [sys.executable, "-m", "deploy.image", "health"]
    return subprocess.run(line, env=environment, capture_output=True, timeout=30, check=False).returncode


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a front with a certificate of its own."""
    write_certificate(tmp_path)
    chosen = free_port()
    process = front(tmp_path, port=chosen, services={}, certificate_file="tls_certificate", key_file="tls_key")
    try:
        yield chosen
    finally:
        process.terminate()
        process.communicate(timeout=20)


async def answers(port: int, trusted: ssl.SSLContext) -> httpx2.Response:
    """Wait until the front answers over TLS, and return what."""
    got: list[httpx2.Response] = []

    async def asked() -> bool:
        try:
            async with httpx2.AsyncClient(verify=trusted, trust_env=False) as client:
                got.append(await client.get(f"https://127.0.0.1:{port}/"))
        except httpx2.TransportError:
            return False
        return True

    await until(asked)
    return got[0]


async def test_the_front_speaks_tls_and_nothing_else(port: int, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(tmp_path / "tls_certificate"))
    answer = await answers(port, trusted)
    assert (answer.status_code, answer.headers["location"]) == (307, "/checkin/")
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://127.0.0.1:{port}/")  # signed by nobody whom this machine trusts
        with pytest.raises(httpx2.TransportError):
            await client.get(f"http://127.0.0.1:{port}/")
    assert healthy(port=port, certificate_file="tls_certificate") == 0
    assert healthy(port=port) != 0, "asked without TLS it does not answer"


async def test_tls_older_than_1_2_is_refused(port: int, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(tmp_path / "tls_certificate"))
    await answers(port, trusted)
    old = ssl.create_default_context(cafile=str(tmp_path / "tls_certificate"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with httpx2.AsyncClient(verify=old, trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"certificate_file": "absent", "key_file": "absent"}, "cannot be used"),
        ({"certificate_file": "tls_key", "key_file": "tls_key"}, "must be a certificate and its key"),
        ({"certificate_file": "tls_certificate"}, "come together"),
        ({"listen": "here"}, "listen: extra inputs are not permitted"),
    ],
)
def test_a_front_that_cannot_start_says_why_in_one_line(tmp_path: Path, described: dict[str, str], why: str) -> None:
    write_certificate(tmp_path)
    process = front(tmp_path, port=free_port(), services={}, **described)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 78
    assert why in json.loads(said)["reason"]
