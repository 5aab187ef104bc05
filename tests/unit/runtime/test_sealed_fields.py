"""A field's own key opens that field and nothing else, and no other key can be claimed for it."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.runtime.sealed_fields import decode, encode, field_key, open_field, open_with, seal_field

PERSON, OTHER = bytes(range(32)), bytes(range(1, 33))
NOTE = "the dog is loose: Rhiannon Ó Súilleabháin"

SEALED_BEFORE = (
    "AAECAwQFBgcICQoL",
    "JiK4dLGAY5uaf_3wgKpnG9iVq1VIRg",
)
"""Nonce and ciphertext of ``a note`` under PERSON, as release 0.2.0 sealed it."""


def test_a_sealed_field_opens_under_its_persons_key_and_under_its_own() -> None:
    nonce, ct = seal_field(PERSON, NOTE)
    key = field_key(PERSON, nonce)
    assert key is not None
    assert open_field(PERSON, nonce, ct) == open_with(key, ct) == NOTE


def test_the_key_of_one_field_opens_no_other_of_the_same_person_and_is_not_the_persons() -> None:
    one, two = seal_field(PERSON, NOTE), seal_field(PERSON, NOTE)
    key = field_key(PERSON, one[0])
    assert key is not None
    assert key not in {PERSON, field_key(PERSON, two[0])}
    with pytest.raises(InvalidTag):
        open_with(key, two[1])


def test_under_another_persons_key_nothing_opens() -> None:
    nonce, ct = seal_field(PERSON, NOTE)
    with pytest.raises(InvalidTag):
        open_field(OTHER, nonce, ct)


def test_a_field_that_another_key_opens_too_is_refused_by_what_it_commits_to() -> None:
    nonce, ct = seal_field(PERSON, NOTE)
    forged = os.urandom(32)
    swapped = decode(ct)[:32] + AESGCM(forged).encrypt(bytes(12), b"another story", None)
    with pytest.raises(InvalidTag):
        open_with(forged, encode(swapped))
    with pytest.raises(InvalidTag):
        open_field(PERSON, nonce, encode(swapped))


@pytest.mark.parametrize("at", [0, 31, 32, -1])
def test_a_changed_byte_is_refused(at: int) -> None:
    nonce, ct = seal_field(PERSON, NOTE)
    changed = bytearray(decode(ct))
    changed[at] ^= 1
    with pytest.raises(InvalidTag):
        open_field(PERSON, nonce, encode(bytes(changed)))


def test_what_the_release_before_sealed_opens_and_has_no_key_of_its_own() -> None:
    assert open_field(PERSON, *SEALED_BEFORE) == "a note"
    assert field_key(PERSON, SEALED_BEFORE[0]) is None


def test_whoever_has_the_key_opens_the_field_by_what_the_format_says_alone() -> None:
    nonce, ct = seal_field(PERSON, NOTE)
    key = field_key(PERSON, nonce)
    assert key is not None
    content = urlsafe_b64decode(ct + "==")
    assert content[:32] == sha256(b"lonewatch field key" + key).digest()
    assert AESGCM(key).decrypt(bytes(12), content[32:], None).decode() == NOTE
    assert urlsafe_b64encode(urlsafe_b64decode(nonce + "==")).rstrip(b"=").decode() == nonce
