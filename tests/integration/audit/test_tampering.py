"""Who rules the database changes what happened: verification and the sweep find it, and name the position."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.verify import Target, verify_installation
from tests.integration.audit.test_tree import covered
from tests.support.history import OLGA, make_site, missed_visit, token_of
from tests.support.services import Installation
from tests.support.waiting import until

AT = 4
"""Where somebody tampers: in the middle of what the tree covers."""

# The superuser changes one fact, in the record and in the columns alike, so that nothing in the row gives it away.
EDIT = """
UPDATE log.event SET actor = 'worker:nobody',
    record = convert_to(replace(convert_from(record, 'UTF8'), '"actor":"' || actor || '"', '"actor":"worker:nobody"'), 'UTF8')
WHERE position = 4
"""
DELETE = "DELETE FROM log.event WHERE position = 4"

# Two rows change places, each with the other's position in its record as well.
REORDER = """
UPDATE log.event SET position = -position WHERE position IN (4, 5);
UPDATE log.event SET position = 9 + position, record = convert_to(
    replace(convert_from(record, 'UTF8'), '"position":' || -position || ',', '"position":' || 9 + position || ','), 'UTF8')
WHERE position IN (-4, -5);
"""

# A row that was never appended stands in the place of another, and all that follow move up by one.
INSERT = """
UPDATE log.event SET position = -position WHERE position >= 4;
UPDATE log.event SET position = 1 - position, record = convert_to(
    replace(convert_from(record, 'UTF8'), '"position":' || -position || ',', '"position":' || 1 - position || ','), 'UTF8')
WHERE position < 0;
INSERT INTO log.event
SELECT 4, topic, shard, stream_id || 'x', 1, type, visit_id, site_id, event_id || 'x', correlation_id, causation_id, actor,
    release, occurred_at, recorded_at, convert_to(replace(replace(replace(convert_from(record, 'UTF8'),
        '"position":3,', '"position":4,'), '"stream_id":"' || stream_id, '"stream_id":"' || stream_id || 'x'),
        '"event_id":"' || event_id, '"event_id":"' || event_id || 'x'), 'UTF8')
FROM log.event WHERE position = 3;
UPDATE log.head SET position = position + 1;
"""
EDIT_A_COLUMN = "UPDATE log.event SET actor = 'worker:nobody' WHERE position = 4"

TAMPERINGS = {"edit": EDIT, "delete": DELETE, "reorder": REORDER, "insert": INSERT, "a column alone": EDIT_A_COLUMN}


@pytest_asyncio.fixture
async def tree(installation: Installation, tmp_path: Path) -> AsyncIterator[Path]:
    """The tree of a log with a visit in it, and an audit that sweeps as fast as it may."""
    await make_site(installation)
    await missed_visit(installation)
    key = tmp_path / "tree.key"
    key.write_text(bytes(32).hex())
    settings = {"tree_folder": tmp_path / "tree", "tree_key_file": key, "sweep_share": 1}
    async with installation.service("audit", token_of(OLGA), **settings):
        assert await covered(installation, tmp_path / "tree") > AT
        yield tmp_path / "tree"


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_whatever_a_superuser_changes_is_found_with_its_position(
    installation: Installation, tree: Path, tampering: str
) -> None:
    target = Target(installation.database.dsn("audit"), tree)
    before = await verify_installation(target)
    await installation.admin.execute(TAMPERINGS[tampering])
    found = await verify_installation(target)
    assert (before.well, before.checked["records"]) == (True, before.checked["size"])
    assert not found.well
    assert AT in {one.position for one in found.broken}
    assert all(one.position is None or one.position >= AT for one in found.broken)
    assert all(str(one.position) in one.sentence for one in found.broken if one.code.startswith("record"))

    async def swept() -> bool:
        rows = await installation.admin.fetch(
            "SELECT record FROM log.event WHERE type = 'trouble.self_check_differed.v1'"
        )
        return f"position-{AT}" in {json.loads(row["record"])["data"]["place"] for row in rows}

    await until(swept)
