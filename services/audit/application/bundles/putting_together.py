"""Put the files of a bundle together. The same parts give the same files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.audit.application.bundles.paper import timeline_page
from services.audit.domain.bundling import as_json, events_file, manifest, sums_file
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.audit.application.bundles.gathering import Gathered
    from services.audit.application.bundles.proving import Proven
    from shared.contracts.visits import PolicyAdopted

_README = (Path(__file__).parents[2] / "templates" / "bundle_readme.txt").read_text("utf-8")


def files_of(
    told: Mapping[str, Any], gathered: Gathered, proven: Proven, keys: bytes, made_for: Mapping[str, Any]
) -> Mapping[str, bytes]:
    """Return the files of a bundle by their names: ``told`` is the timeline as answered, ``keys`` the file of its keys."""
    policies = [
        {
            "policy_id": event.policy_id,
            "policy_version": event.policy_version,
            "index": recorded.position - 1,
            "file": _file_of(event),
        }
        for recorded, event in gathered.policies
    ]
    about = {
        **made_for,
        "release": RELEASE,
        "releases": sorted({recorded.envelope.release for recorded in gathered.decoded}),
        "incarnation": proven.origin.rpartition("/")[2],
        "origin": proven.origin,
        "checkpoint": {"size": proven.size, "root": proven.root.hex()},
        "status": told["summary"]["status"],
        "made_at": told["now"],
    }
    files = {
        "manifest.json": manifest(about, gathered.records, policies, gathered.seen.unreadable),
        "timeline.json": as_json(told),
        "timeline.html": timeline_page(told, {**about["checkpoint"], "origin": proven.origin}, gathered.records),
        "events.ndjson": events_file(gathered.records),
        "keys.json": keys,
        **{record.file: record.record for record in gathered.records},
        **_policy_files(gathered),
        **proven.files,
        "README.md": _readme(about, proven, len(gathered.records)),
    }
    return {**files, "SHA256SUMS": sums_file(files)}


def _policy_files(gathered: Gathered) -> Mapping[str, bytes]:
    """Return the versions of policies that the visit went by, as they were adopted."""
    return {_file_of(event): as_json(recorded.envelope.data["policy"]) for recorded, event in gathered.policies}


def _file_of(event: PolicyAdopted) -> str:
    return f"policies/{event.policy_id}-{event.policy_version}.json"


def _readme(about: Mapping[str, Any], proven: Proven, count: int) -> bytes:
    """Return the README for somebody who has nothing else of Lonewatch."""
    said = {
        "visit_id": about["visit_id"],
        "release": about["release"],
        "key": proven.key,
        "count": str(count),
        "said": f"Made at {about['made_at']} for `{about['made_for']}` by {proven.origin}.",
    }
    text = _README
    for name, value in said.items():
        text = text.replace("{" + name + "}", value)
    return text.encode()
