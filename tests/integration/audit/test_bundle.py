"""The bundle of a visit, in an empty folder of somebody who has nothing of Lonewatch: its README alone, word for word."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx2
import pytest
import pytest_asyncio

from shared.runtime.postgres import open_pool
from shared.runtime.sealing import Keyring, read_wrapping_key
from tests.support.history import OLGA, SAM, WALT, make_site, missed_visit, token_of
from tests.support.services import Installation, bearer

VISIT = "visit1"
PLACE = "12 Mill Lane"
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest_asyncio.fixture
async def audit(installation: Installation, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Audit with a tree, and a visit that was missed at a place that is sealed."""
    await make_site(installation)
    keys = await open_pool(installation.database.keys_dsn("checkin"))
    try:
        keyring = Keyring(keys, read_wrapping_key(installation.wrapping_key_file))
        await missed_visit(installation, VISIT, place=await keyring.seal(VISIT, PLACE))
    finally:
        await keys.close()
    key = tmp_path / "tree.key"
    key.write_text(bytes(32).hex())
    async with installation.service("audit", token_of(SAM), tree_folder=tmp_path / "tree", tree_key_file=key) as client:
        yield client


async def bundle_of(audit: httpx2.AsyncClient) -> bytes:
    answer = await audit.get(f"/audit/visits/{VISIT}/bundle")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip"), answer.text
    return answer.content


def unpacked(content: bytes, folder: Path) -> Path:
    folder.mkdir()
    with ZipFile(BytesIO(content)) as archive:
        archive.extractall(folder)
    return folder


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def follow(folder: Path, tools: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands of the README one after another, as somebody does who has the system's tools and one verifier."""
    tools.mkdir(exist_ok=True)
    verifier = Path(sys.executable).parent / "tlog-tiles"
    (tools / "tlog-tiles").unlink(missing_ok=True)
    (tools / "tlog-tiles").symlink_to(verifier)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)}
    commands = COMMANDS.findall((folder / "README.md").read_text())
    return [run(["/bin/bash", "-c", command], folder, environment) for command in commands]


async def test_a_bundle_is_verified_by_its_readme_alone(audit: httpx2.AsyncClient, tmp_path: Path) -> None:
    folder = unpacked(await bundle_of(audit), tmp_path / "unpacked")
    sums, signature, records = follow(folder, tmp_path / "tools")
    count = len(list((folder / "records").iterdir()))
    assert (sums.returncode, sums.stdout, sums.stderr) == (0, "", "")
    assert signature.returncode == 0, signature.stderr
    assert "Signature Verified Successfully" in signature.stdout
    assert records.returncode == 0, records.stdout + records.stderr
    assert records.stdout.splitlines()[-1] == f"{count} records are in the tree"
    assert count == len((folder / "events.ndjson").read_text().splitlines()) > 0


async def test_what_was_sealed_opens_by_the_keys_of_this_visit_and_by_python_alone(
    audit: httpx2.AsyncClient, tmp_path: Path
) -> None:
    folder = unpacked(await bundle_of(audit), tmp_path / "unpacked")
    (program,) = PYTHON.findall((folder / "README.md").read_text())
    said = run([sys.executable, "-I", "-c", program], folder, {})
    assert said.returncode == 0, said.stderr
    assert PLACE in said.stdout
    assert PLACE in (folder / "timeline.html").read_text()
    assert "<script" not in (folder / "timeline.html").read_text()
    assert PLACE not in (folder / "events.ndjson").read_text()


@pytest.mark.parametrize("of", ["a record", "the checkpoint", "an entry"])
async def test_a_byte_that_was_changed_shows(audit: httpx2.AsyncClient, tmp_path: Path, of: str) -> None:
    folder = unpacked(await bundle_of(audit), tmp_path / "unpacked")
    record = next(iter((folder / "records").iterdir()))
    file, at = {
        "a record": (record, 40),
        "the checkpoint": (folder / "tree" / "checkpoint", 5),
        "an entry": (
            next(one for one in (folder / "tree/tile/entries").rglob("*") if one.is_file()),
            34 * int(record.stem) + 2,
        ),
    }[of]
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    sums, signature, records = follow(folder, tmp_path / "tools")
    assert sums.returncode != 0
    assert (signature.returncode != 0) == (of == "the checkpoint")
    assert (records.returncode != 0) == (of != "the checkpoint"), "whom the checkpoint is of, its signature says"


async def test_the_worker_of_the_visit_gets_none_and_it_is_recorded_who_did(
    audit: httpx2.AsyncClient, installation: Installation
) -> None:
    refused = await audit.get(f"/audit/visits/{VISIT}/bundle", headers=bearer(token_of(WALT)))
    unknown = await audit.get("/audit/visits/nowhere/bundle", headers=bearer(token_of(OLGA)))
    first, again = await bundle_of(audit), await bundle_of(audit)
    disclosed = await installation.admin.fetch(
        "SELECT record FROM log.event WHERE type = 'disclosure.timeline_disclosed.v1'"
    )
    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert {json.loads(row["record"])["data"]["what"] for row in disclosed} == {"bundle"}
    assert first != again  # the second one has the disclosure of the first
