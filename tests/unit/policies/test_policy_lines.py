"""The line of each key of a TOML document is where it was written, and every key that tomllib reads has one."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.policy.lines import line_of, lines_of

FILES = sorted((Path(__file__).resolve().parents[3] / "policies").glob("*.toml"))


def paths(value: object, at: str = "") -> Iterator[str]:
    """Return the key path of everything that is in what tomllib gave."""
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{at}.{key}" if at else key
            yield path
            yield from paths(inner, path)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield f"{at}[{number}]"
            yield from paths(inner, f"{at}[{number}]")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_of_our_policies_has_a_line_and_no_other_has(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


def test_strings_comments_arrays_and_quoted_keys_do_not_mislead() -> None:
    text = "\n".join(
        [
            "# [comment.with] = 1",
            r'one = "a # b [c] = \" d"   # two = 2',
            'two = """',
            "three = 3",
            r'""\""" ' + "# no comment",
            '"""',
            "five = '''",
            "six = 6",
            "'''''",
            "seven = [ # eight",
            '  { nine = 1, "te.n" = [1,',
            "    2] },",
            '  [ "]", \'}\', """, """ ],',
            "]",
            'a.b . "c d" = 1979-05-27T07:32:00Z',
            "[[t]]",
            "x = 1.5 # y",
            " [ t . u ] # z",
            "v = true",
            "[[ t ]]",
            "[[t.w]]",
            "x = {}",
        ]
    )
    lines = lines_of(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    expected = {
        "one": 2,
        "two": 3,
        "five": 7,
        "seven": 10,
        "seven[1].nine": 11,
        "seven[1].te.n[2]": 12,
        "seven[2][3]": 13,
    }
    expected |= {
        "a.b": 15,
        "a.b.c d": 15,
        "t": 16,
        "t[1].x": 17,
        "t[1].u": 18,
        "t[1].u.v": 19,
        "t[2]": 20,
        "t[2].w[1].x": 22,
    }
    assert {path: lines[path] for path in expected} == expected


def test_a_key_that_is_not_there_has_the_line_of_the_table_around_it() -> None:
    lines = lines_of("a = 1\r\n[b]\r\nc = 1\r\n[[d]]\r\n[[d]]\r\n")
    assert [line_of(lines, path) for path in ("b.c", "b.x.y", "d[2].x", "d[3].x", "x.y", "")] == [3, 2, 5, 4, 1, 1]


def basic(text: str) -> str:
    """Return a text as a basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def quoted(key: str) -> str:
    """Return a key as TOML has it: bare where that is possible."""
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else basic(key)


NO_SURROGATES = st.characters(exclude_categories=["Cs"])
KEYS = st.text("abcXYZ019-_", min_size=1, max_size=6) | st.text(NO_SURROGATES, min_size=1, max_size=4).filter(
    lambda key: not set(key) & set(".[]")  # a path would not say where such a key ends
)
TEXTS = st.text(NO_SURROGATES | st.sampled_from("\n\t#[]{}=,\"'\\"), max_size=12)
LEAVES = st.integers(-99, 99).map(str) | st.sampled_from(["true", "1979-05-27", "-inf"]) | TEXTS.map(basic)
LONG = TEXTS.map(lambda text: '""' + basic(text).replace("\\n", "\n") + '""').filter(lambda text: "\\\n" not in text)
LITERAL = st.text('ab #[]{}=,"\n', max_size=9).map(lambda text: f"'''{text}'''")
BREAKS = st.sampled_from(["", " ", "\n", " # x = [\n", "\n\n\t"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """Write a document, and remember on which line each key went."""
    lines: dict[str, int] = {}
    written = [""]

    def here() -> int:
        return written[0].count("\n") + 1

    def value(path: str, depth: int) -> None:
        kind = draw(
            st.sampled_from(["leaf", "long", "literal", "array", "inline"] if depth else ["leaf", "long", "literal"])
        )
        if kind == "array":
            written[0] += "["
            for number in range(1, draw(st.integers(0, 3)) + 1):
                written[0] += draw(BREAKS)
                lines[f"{path}[{number}]"] = here()
                value(f"{path}[{number}]", depth - 1)
                written[0] += draw(BREAKS) + ","
            written[0] += draw(BREAKS) + "]"
        elif kind == "inline":
            names = draw(st.lists(KEYS, max_size=3, unique=True))
            written[0] += "{ "
            for place, name in enumerate(names):
                written[0] += ", " if place else ""
                pair(f"{path}.{name}", name, depth - 1)
            written[0] += " }"
        else:
            written[0] += draw({"leaf": LEAVES, "long": LONG, "literal": LITERAL}[kind])

    def pair(path: str, name: str, depth: int) -> None:
        lines[path] = here()
        written[0] += f"{quoted(name)} = "
        value(path, depth)

    for name in draw(st.lists(KEYS, max_size=3, unique=True)):
        pair(name, name, 2)
        written[0] += draw(st.sampled_from(["\n", " # [x]\n", "\n\n"]))
    for table in draw(st.lists(st.sampled_from(["table-1", "table-2"]), max_size=2, unique=True)):
        for number in range(1, draw(st.integers(1, 3)) + 1):
            lines.setdefault(table, here())
            lines[f"{table}[{number}]"] = here()
            written[0] += f"[[ {table} ]] # x\n"
            for name in draw(st.lists(KEYS, max_size=2, unique=True)):
                pair(f"{table}[{number}].{name}", name, 2)
                written[0] += "\n"
            lines[f"{table}[{number}].inner"] = here()
            written[0] += f"[{table}.inner]\n"
    return written[0], lines


@settings(max_examples=200, deadline=None)
@given(documents())
def test_whatever_is_written_is_found_on_its_line(document: tuple[str, dict[str, int]]) -> None:
    text, written = document
    assert set(paths(tomllib.loads(text))) == set(written)
    assert lines_of(text) == written
