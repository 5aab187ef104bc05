"""Codes of personal links: short, written one way, read in every way in which people copy them."""

import pytest

from shared.runtime.links import code_sha256, encode_code, link_of


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00" * 10, "0000000000000000"),
        (b"\xff" * 10, "zzzzzzzzzzzzzzzz"),
        (b"\x00" * 9 + b"\x01", "0000000000000001"),
        (b"\x80" + b"\x00" * 9, "g000000000000000"),
        (bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df")[:10], "0123456789abcdef"),
        (bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df")[10:], "ghjkmnpqrstvwxyz"),
    ],
)
def test_ten_bytes_are_sixteen_characters_of_crockfords_alphabet(content: bytes, code: str) -> None:
    assert encode_code(content) == code


@pytest.mark.parametrize("copied", ["01abcdefghjkmnpq", "01ABCDEFGHJKMNPQ", "oiabcdefghjkmnpq", "OLABCDEFGHJKMNPQ"])
def test_a_code_is_the_same_however_it_was_copied(copied: str) -> None:
    assert code_sha256(copied) == code_sha256("01abcdefghjkmnpq")


def test_a_link_leads_to_the_page_of_the_front_with_or_without_a_slash_at_its_end() -> None:
    assert link_of("https://lone.example", "c0de") == link_of("https://lone.example/", "c0de")
    assert link_of("https://lone.example", "c0de") == "https://lone.example/escalation/e/c0de"
