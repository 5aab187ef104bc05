"""A receipt's leaf hash is that of RFC 6962, made of the SHA-256 of a record."""

from hashlib import sha256

from shared.runtime.receipts import Receipt, receipt_of

EMPTY_LEAF = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
"""The leaf hash of no bytes at all, which implementations of RFC 6962 hold themselves to."""


def test_the_leaf_hash_is_that_of_rfc_6962() -> None:
    assert receipt_of(1, "") == Receipt(1, EMPTY_LEAF)


def test_the_leaf_is_the_hash_of_the_record_and_not_the_record() -> None:
    entry = sha256(b"a record").digest()
    assert receipt_of(7, entry.hex()) == Receipt(7, sha256(b"\x00" + entry).hexdigest())


def test_where_nothing_was_appended_there_is_no_receipt() -> None:
    assert receipt_of(None, None) is None
