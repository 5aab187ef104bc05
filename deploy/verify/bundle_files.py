"""What of a bundle can be verified file by file: its sums, its events, its policies, and the keys that it discloses.

Knows nothing of the tree: what these files say is proved by the records, and the records elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidTag

from shared.runtime.sealed_fields import decode, open_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.verify.found import Found
    from deploy.verify.sources import InZip

SUMS = "SHA256SUMS"

MOST_BYTES = 256 * 1024**2
"""Bytes of one file: all events of 20,000 records of usual length, many times over."""

KNOWN = re.compile(
    r"README\.md|SHA256SUMS|manifest\.json|timeline\.(html|json)|events\.ndjson|keys\.json|key\.pem|policies/[^/]+\.json"
    r"|records/\d+\.json|proofs/\d+\.(tlog-proof|json)|tree/(checkpoint|key)"
    r"|tree/tile/(entries|\d+)/(x\d{3}/)*\d{3}(\.p/\d+)?"
)
"""The files of a bundle. One that is none of these is proved by nothing in it."""

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def parsed(content: bytes | None) -> Any:
    """Return what JSON says; None where it is none."""
    try:
        return None if content is None else orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def verify_sums(files: InZip, found: Found) -> None:
    """Compare every file with the list of sums, and the list with the files."""
    listed: dict[str, str] = {}
    for line in (files.read(SUMS, MOST_BYTES) or b"").decode("utf-8", "replace").splitlines():
        if match := _LINE.fullmatch(line):
            listed[match[2]] = match[1]
        else:
            found.add("sums_unreadable", f"{SUMS} has a line that is no sum.")
    for name in sorted(files.names - {SUMS}):
        if not KNOWN.fullmatch(name):
            found.add("file_unknown", f"{name[:120]!r} belongs to no bundle.")
        elif name not in listed:
            found.add("file_not_listed", f"{name} is not in {SUMS}.")
        elif sha256(files.read(name, MOST_BYTES) or b"").hexdigest() != listed[name]:
            found.add("file_differs", f"{name} is not the file that {SUMS} speaks of.")
    for name in sorted(listed.keys() - files.names):
        found.add("file_missing", f"{name[:120]!r} is in {SUMS} and not in the bundle.")
    found.checked["files"] = len(files.names)


def verify_events(files: InZip, records: Mapping[int, bytes], found: Found) -> None:
    """Compare the list of events with the records: the same ones, byte for byte."""
    seen: set[int] = set()
    for number, line in enumerate((files.read("events.ndjson", MOST_BYTES) or b"").splitlines(), 1):
        said = parsed(line)
        index = said.get("index") if isinstance(said, dict) else None
        record = records.get(index) if isinstance(index, int) else None
        if record is None or not isinstance(index, int) or not isinstance(said, dict) or _record_in(said) != record:
            found.add("event_differs", f"Line {number} of events.ndjson is not the record that it speaks of.")
        elif said.get("sha256") != sha256(record).hexdigest() or said.get("position") != index + 1:
            found.add("event_differs", f"Line {number} of events.ndjson says something else of its record.", index + 1)
        else:
            seen.add(index)
    for index in sorted(records.keys() - seen):
        found.add("event_missing", f"events.ndjson lacks the record at position {index + 1}.", index + 1)


def _record_in(line: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a record as a line holds them."""
    text, coded = line.get("record"), line.get("record_base64")
    try:
        if isinstance(text, str):
            return text.encode()
        return b64decode(coded, validate=True) if isinstance(coded, str) else None
    except (UnicodeEncodeError, Base64Error, ValueError):
        return None


def verify_policies(files: InZip, listed: Any, records: Mapping[int, bytes], found: Found) -> None:
    """Compare each policy that can be read with the record that adopted it."""
    for one in listed if isinstance(listed, list) else ():
        index, name = (one.get("index"), one.get("file")) if isinstance(one, dict) else (None, None)
        adopted = parsed(records.get(index)) if isinstance(index, int) else None
        data = adopted.get("data") if isinstance(adopted, dict) else None
        shown = parsed(files.read(name, MOST_BYTES)) if isinstance(name, str) else None
        if shown is None or not isinstance(data, dict) or data.get("policy") != shown:
            found.add("policy_differs", f"{name!s:.120} is not the policy that its record adopted.")


def verify_keys(files: InZip, records: Mapping[int, bytes], found: Found) -> None:
    """Open each field with the key that is disclosed for it: it must open, and say what is claimed."""
    said = parsed(files.read("keys.json", MOST_BYTES))
    fields = said.get("fields") if isinstance(said, dict) else None
    if not isinstance(fields, list):
        found.add("keys_unreadable", "keys.json lists no fields.")
        return
    for one in fields:
        index, member = (one.get("index"), one.get("member")) if isinstance(one, dict) else (None, None)
        record = parsed(records.get(index)) if isinstance(index, int) else None
        data = record.get("data") if isinstance(record, dict) else None
        sealed = data.get(member) if isinstance(data, dict) and isinstance(member, str) else None
        if not _opens(sealed, one):
            position = index + 1 if isinstance(index, int) else None
            found.add(
                "key_differs", f"{member!s:.80} of position {position} does not open to what keys.json says.", position
            )
    found.checked["disclosed"] = len(fields)


def _opens(sealed: Any, one: Any) -> bool:
    try:
        return bool(open_with(decode(one["key"]), sealed["ct"]) == one["text"])
    except (InvalidTag, KeyError, TypeError, ValueError, AttributeError):
        return False
