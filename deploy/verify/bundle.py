"""Verify a bundle: that it is whole, that one key signed for its tree, and that each of its records is in that tree."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from deploy.verify.bundle_files import MOST_BYTES, parsed, verify_events, verify_keys, verify_policies, verify_sums
from deploy.verify.bundle_proofs import Proven, verify_proofs, verify_tiles
from deploy.verify.found import Found, UnverifiableError
from deploy.verify.sources import Below, InZip
from deploy.verify.tree import key_of, opened, public_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
"""Of the bundles that this release can verify."""

SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before an Ed25519 key in the form that OpenSSL reads (RFC 8410)."""


def verify_bundle(path: Path, given_key: str | None) -> Found:
    """Return what was found of a bundle. Raises UnverifiableError where it is none, or not one of this release."""
    found = Found("bundle")
    files = InZip(path)
    manifest = _manifest(files, path)
    verify_sums(files, found)
    below = Below(files, "tree")
    key = key_of(below, given_key)
    tree = opened(below, key)
    checkpoint = tree.checkpoint
    found.checked |= {"origin": checkpoint.origin, "size": checkpoint.size}
    said = manifest.get("checkpoint")
    if said != {"size": checkpoint.size, "root": checkpoint.root.hex()} or manifest.get("origin") != checkpoint.origin:
        found.add("manifest_differs", "manifest.json speaks of another checkpoint than the one that is in the bundle.")
    if files.read("key.pem", MOST_BYTES) != _pem(key):
        found.add("key_differs", "key.pem is not the key that signed the checkpoint.")
    records = _records(files, manifest, found)
    proven = Proven(tree, files, found)
    for index, record in records.items():
        verify_proofs(index, record, proven)
    verify_tiles(files, proven)
    verify_events(files, records, found)
    verify_policies(files, manifest.get("policies"), records, found)
    verify_keys(files, records, found)
    found.checked["records"] = len(records)
    return found


def _manifest(files: InZip, path: Path) -> Mapping[str, Any]:
    """Return what the bundle says of itself. Raises UnverifiableError where this release does not know what it is."""
    manifest = parsed(files.read("manifest.json", MOST_BYTES))
    if not isinstance(manifest, dict) or manifest.get("what") != "lonewatch bundle":
        raise UnverifiableError(f"{path} is a zip, but no bundle of Lonewatch: it has no manifest.json that says so.")
    if manifest.get("format") != FORMAT:
        raise UnverifiableError(
            f"{path} was made by release {manifest.get('release')!s:.20}, in a format that this release does not know. "
            "Verify it with that release or a later one."
        )
    return manifest


def _records(files: InZip, manifest: Mapping[str, Any], found: Found) -> Mapping[int, bytes]:
    """Return the records by their indexes, compared with what the manifest says of them."""
    listed = manifest.get("records")
    records: dict[int, bytes] = {}
    for one in listed if isinstance(listed, list) else ():
        index = one.get("index") if isinstance(one, dict) else None
        if not isinstance(index, int) or index < 0 or index in records:
            found.add("manifest_differs", "manifest.json lists a record that has no place, or lists one twice.")
            continue
        record = files.read(f"records/{index}.json", MOST_BYTES)
        if record is None:
            found.add("record_missing", f"The record at position {index + 1} is not in the bundle.", index + 1)
            continue
        records[index] = record
        inside = parsed(record)
        if one.get("sha256") != sha256(record).hexdigest() or one.get("position") != index + 1:
            found.add(
                "record_differs", f"The record at position {index + 1} is not the one that was handed out.", index + 1
            )
        elif isinstance(inside, dict) and not _same(inside, one, manifest, index):
            found.add("manifest_differs", f"manifest.json says something else of position {index + 1}.", index + 1)
    strays = {name for name in files.names if name.startswith("records/")} - {
        f"records/{index}.json" for index in records
    }
    for name in sorted(strays):
        found.add("file_unknown", f"{name[:120]} is in no list of records.")
    if not records:
        found.add("record_missing", "The bundle holds no record at all.")
    return records


def _same(inside: Mapping[str, Any], listed: Mapping[str, Any], manifest: Mapping[str, Any], index: int) -> bool:
    """Tell whether a record says of itself what the manifest says of it."""
    members = ("type", "stream_id", "version")
    return (
        inside.get("position") == index + 1
        and inside.get("incarnation") == manifest.get("incarnation")
        and all(inside.get(member) == listed.get(member) for member in members)
        and (listed.get("why") != "visit" or inside.get("visit_id") == manifest.get("visit_id"))
    )


def _pem(key: str) -> bytes:
    """Return a key as OpenSSL reads it."""
    body = b64encode(SPKI + public_key(key)).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()
