"""What a bundle of a visit holds: which records, why each of them, and what its files say of them.

No zip, no keys, no tree: those hand their parts in. The same parts give the same bytes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from services.audit.domain.tree.hashing import leaf_hash
from shared.contracts.base import Event

FORMAT = 1
"""Of the bundle: raised when somebody who reads this one would not understand the next."""

MOST_RECORDS = 20_000
"""Records of one bundle: a hundred times a long visit, and still one that a browser downloads and a zip program opens."""

Why = Literal["visit", "policy", "person"]
"""Why a record is in a bundle: it is the visit's, it adopted a policy that the visit went by, or it names somebody."""

_NOT_IN_IT = (
    "Telephone numbers, addresses, code words, contacts, and names of whom the timeline does not speak: they stay sealed.",
    "Keys of persons: only keys of single fields are disclosed.",
    "The assessment of risk that the visit was approved on, and the registers of sites, grants and sign-ins.",
    "Records of other visits; of the tree, only the tiles that prove these records.",
    "That this bundle was handed out is recorded too, in the log, after the last record here.",
)


@dataclass(frozen=True)
class Bundled:
    """One record of a bundle."""

    position: int
    why: Why
    type: str
    stream_id: str
    version: int
    record: bytes

    @property
    def index(self) -> int:
        """Its place in the tree, from 0."""
        return self.position - 1

    @property
    def entry(self) -> bytes:
        """What the tree holds of it: its SHA-256."""
        return sha256(self.record).digest()

    @property
    def leaf_hash(self) -> str:
        """The hash of its leaf, in hexadecimal digits."""
        return leaf_hash(self.entry).hex()

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"records/{self.index}.json"


def policies_in(events: Iterable[Event]) -> frozenset[tuple[str, int]]:
    """Return the versions of policies that the events of a visit went by."""
    named = ((getattr(event, "policy_id", None), getattr(event, "policy_version", None)) for event in events)
    return frozenset((policy_id, version) for policy_id, version in named if policy_id and version is not None)


def events_file(records: Sequence[Bundled]) -> bytes:
    """Return ``events.ndjson``: a line for each record."""
    return b"".join(_line(record) for record in records)


def manifest(
    about: Mapping[str, Any],
    records: Sequence[Bundled],
    policies: Sequence[Mapping[str, Any]],
    unreadable: Sequence[int],
) -> bytes:
    """Return ``manifest.json``; ``about`` says whose bundle it is, of which tree, and by whom it was made."""
    of_visit = [record.position for record in records if record.why == "visit"]
    return as_json(
        {
            **about,
            "format": FORMAT,
            "what": "lonewatch bundle",
            "first_position": min(of_visit),
            "last_position": max(of_visit),
            "records": [_listed(record) for record in records],
            "policies": list(policies),
            "unreadable": list(unreadable),
            "not_in_it": list(_NOT_IN_IT),
        }
    )


def sums_file(files: Mapping[str, bytes]) -> bytes:
    """Return ``SHA256SUMS`` over files, as ``sha256sum -c`` reads it."""
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()


def as_json(value: Any) -> bytes:
    """Return JSON for people and programs: members in order, indented."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


def _listed(record: Bundled) -> Mapping[str, Any]:
    return {
        "index": record.index,
        "position": record.position,
        "why": record.why,
        "type": record.type,
        "stream_id": record.stream_id,
        "version": record.version,
        "sha256": record.entry.hex(),
        "leaf_hash": record.leaf_hash,
        "record": record.file,
        "proof": f"proofs/{record.index}.tlog-proof",
    }


def _line(record: Bundled) -> bytes:
    about = {"index": record.index, "position": record.position, "why": record.why}
    hashes = {"sha256": record.entry.hex(), "leaf_hash": record.leaf_hash}
    line = json.dumps({**about, **hashes, **_text(record.record)}, ensure_ascii=False, separators=(",", ":"))
    return line.encode() + b"\n"


def _text(record: bytes) -> Mapping[str, str]:
    """Return a record as text; the few bytes that are none, as base64."""
    try:
        return {"record": record.decode()}
    except UnicodeDecodeError:
        return {"record_base64": b64encode(record).decode()}
