"""The tree of a log, kept by audit: every record under a checkpoint, and whatever contradicts what was signed is told."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest_asyncio

from services.audit.domain.tree.hashing import leaf_hash, verify_consistency, verify_inclusion
from services.audit.tiles.folder import Folder, NoTreeError
from services.audit.tiles.notes import open_note
from shared.contracts.audits import TimelineDisclosed, TreeBegan
from shared.contracts.envelope import decode
from tests.support.history import OLGA, WALT, make_site, record, token_of
from tests.support.services import Installation, bearer
from tests.support.waiting import until

SEED = bytes(range(32))


@asynccontextmanager
async def audit(installation: Installation, tree: Path, **more: Any) -> AsyncIterator[Any]:
    """Run audit with a tree in a folder."""
    key = tree.parent / "tree.key"
    key.write_text(SEED.hex())
    async with installation.service("audit", token_of(OLGA), tree_folder=tree, tree_key_file=key, **more) as client:
        yield client


async def head(installation: Installation) -> int:
    return int(await installation.admin.fetchval("SELECT position FROM log.head"))


# Whether the log says that the tree of its incarnation began: audit's own record, which makes the log grow once more.
BEGAN = "SELECT EXISTS (SELECT FROM log.event e, log.head h WHERE e.stream_id = 'tree-' || h.incarnation)"


async def covered(installation: Installation, tree: Path) -> int:
    """Wait until the tree began and the published checkpoint covers the log, and return its size."""

    async def look() -> bool:
        try:
            return (
                await installation.admin.fetchval(BEGAN)
                and Folder(tree / "public").checkpoint().size == await head(installation) > 0
            )
        except NoTreeError:
            return False

    await until(look)
    return Folder(tree / "public").checkpoint().size


async def troubles(installation: Installation) -> list[tuple[str, bool]]:
    """Return the places of what audit has told of the tree, each with whether it was put right."""
    rows = await installation.admin.fetch(
        "SELECT record FROM log.event WHERE type = 'trouble.self_check_differed.v1' ORDER BY position"
    )
    events = [json.loads(row["record"])["data"] for row in rows]
    return [(event["place"], event["mended"]) for event in events if event["check"] == "tree"]


async def told(installation: Installation, place: str, *, mended: bool = False) -> None:
    """Wait until audit has told of a place."""

    async def look() -> bool:
        return (place, mended) in await troubles(installation)

    await until(look)


async def read_by(installation: Installation, *readers: str) -> None:
    """Let the log grow by what audit itself records."""
    events = [TimelineDisclosed(subject_id="v", to=reader, through=1) for reader in readers]
    await record(installation, "audit", "disclosure-v", *events)


@pytest_asyncio.fixture
async def site(installation: Installation) -> AsyncIterator[Installation]:
    """An installation with a site and its people, of which nobody keeps a tree yet."""
    await make_site(installation)
    yield installation


async def test_every_record_is_under_a_checkpoint_and_proved_by_its_position(
    site: Installation, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree) as client:
        size = await covered(site, tree)
        by = bearer(token_of(OLGA))
        key = (await client.get("/audit/tree/key", headers=by)).text.strip()
        note = (await client.get("/audit/tree/checkpoint", headers=by)).content
        rows = await site.admin.fetch("SELECT position, record FROM log.event ORDER BY position")
        proofs = [
            (await client.get(f"/audit/tree/proof?position={row['position']}", headers=by)).json() for row in rows
        ]
        grown = (await client.get(f"/audit/tree/consistency?from=3&to={size}", headers=by)).json()
        small = (await client.get("/audit/tree/proof?position=2&size=3", headers=by)).json()
        text = (await client.get("/audit/tree/proof?position=1&format=tlog-proof", headers=by)).content
        tile = await client.get(f"/audit/tree/tile/0/000.p/{size}", headers=by)
        wrong = [
            (await client.get(f"/audit/tree/{path}", headers=by)).status_code
            for path in (
                "proof?position=999",
                "tile/0/../../committed",
                "tile/0/999",
                "previous",
                "consistency?from=5&to=2",
            )
        ]
        refused = await client.get("/audit/tree/checkpoint", headers=bearer(token_of(WALT)))
        nobody = await client.get("/audit/tree/checkpoint", headers={"Authorization": ""})

    origin, number, _ = open_note(note, key).splitlines()
    root = Folder(tree / "public").checkpoint().root
    assert int(number) == size == len(rows)
    assert key.startswith(f"{origin}+")
    for row, proof in zip(rows, proofs, strict=True):
        assert proof["entry"] == sha256(row["record"]).hexdigest()
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        leaf = leaf_hash(sha256(row["record"]).digest())
        assert verify_inclusion(leaf, row["position"] - 1, size, hashes, root)
    roots = [bytes.fromhex(grown[name]) for name in ("old_root", "new_root")]
    assert verify_consistency(3, size, roots[0], roots[1], [bytes.fromhex(one) for one in grown["hashes"]])
    assert small["root"] == grown["old_root"]
    assert text.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n")
    assert text.endswith(b"\n\n" + note)
    assert len(tile.content) == 32 * size
    assert wrong == [404, 404, 404, 404, 404]
    assert (refused.status_code, nobody.status_code) == (403, 401)
    [began] = [decode(row["record"]).event for row in rows if b"tree.began" in row["record"]]
    assert isinstance(began, TreeBegan)
    assert (began.origin, began.key, began.previous) == (origin, key, None)
    assert await troubles(site) == []


async def test_an_operator_may_open_the_tree_to_everybody(site: Installation, tmp_path: Path) -> None:
    async with audit(site, tmp_path / "tree", tree_public=True) as client:
        await covered(site, tmp_path / "tree")
        assert (await client.get("/audit/tree/checkpoint", headers={"Authorization": ""})).status_code == 200


async def test_without_a_folder_no_tree_is_kept_and_the_answer_says_so(site: Installation) -> None:
    async with site.service("audit", token_of(OLGA)) as client:
        answer = await client.get("/audit/tree/checkpoint", headers=bearer(token_of(OLGA)))
    assert (answer.status_code, answer.json()["code"]) == (404, "tree_unknown")


async def test_a_log_that_is_shorter_than_its_tree_is_told_and_nothing_more_is_signed(
    site: Installation, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree):
        size = await covered(site, tree)
    signed = (tree / "committed").read_bytes()
    await site.admin.execute("DELETE FROM log.event WHERE position > $1", size - 3)
    await site.admin.execute("UPDATE log.head SET position = $1", size - 3)
    async with audit(site, tree):
        await told(site, "length")
        await read_by(site, "a", "b", "c", "d")  # the log overtakes the tree with other records
        await told(site, f"position-{size}")
    assert (tree / "committed").read_bytes() == signed


async def test_another_incarnation_begins_a_tree_that_cites_the_one_before(site: Installation, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree):
        await covered(site, tree)
    old, last = await site.admin.fetchval("SELECT incarnation::text FROM log.head"), (tree / "committed").read_bytes()
    await site.admin.execute("UPDATE log.head SET incarnation = gen_random_uuid()")
    async with audit(site, tree) as client:
        await covered(site, tree)
        previous = await client.get("/audit/tree/previous", headers=bearer(token_of(OLGA)))
    assert previous.content == last == (tree / "former" / old / "checkpoint").read_bytes()
    former = Folder(tree / "former" / old)
    assert former.root(former.checkpoint().size) == former.checkpoint().root
    records = await site.admin.fetch("SELECT record FROM log.event WHERE type = 'tree.began.v1' ORDER BY position")
    began = decode(records[-1]["record"]).event
    assert isinstance(began, TreeBegan)
    assert began.previous == last.decode()

    await site.admin.execute("UPDATE log.head SET incarnation = $1", old)
    async with audit(site, tree):
        await told(site, "incarnation")


async def test_a_record_that_was_changed_is_named_by_the_sweep(site: Installation, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree, sweep_share=1):
        await covered(site, tree)
        await site.admin.execute("UPDATE log.event SET record = record || ' ' WHERE position = 2")
        await site.admin.execute("UPDATE log.event SET actor = 'somebody' WHERE position = 3")
        await told(site, "position-2")
        await told(site, "position-3")


async def test_a_published_tree_that_is_damaged_is_made_again_out_of_the_log(
    site: Installation, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree):
        await covered(site, tree)
    root = Folder(tree / "public").checkpoint().root
    shutil.rmtree(tree / "public")
    async with audit(site, tree):
        size = await covered(site, tree)
    assert Folder(tree / "public").root(size) == root


async def test_what_is_committed_and_was_signed_by_nobody_is_told(site: Installation, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    async with audit(site, tree):
        await covered(site, tree)
    signed = (tree / "committed").read_bytes()
    (tree / "committed").write_bytes(signed[:-20])
    async with audit(site, tree):
        await told(site, "committed")
        (tree / "committed").write_bytes(signed)
        await told(site, "committed", mended=True)


async def test_a_tree_without_a_key_is_told_and_the_service_runs(site: Installation, tmp_path: Path) -> None:
    none = tmp_path / "none"
    async with site.service("audit", token_of(OLGA), tree_folder=tmp_path / "tree", tree_key_file=none) as client:
        await told(site, "key")
        assert (await client.get("/audit/visits?site_id=north", headers=bearer(token_of(OLGA)))).status_code == 200
