"""A policy file that cannot be used is refused with the file, the key, what is wrong and what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from deploy.policy.files import PolicyError, load_policy
from deploy.policy.schema import policy_schema

GOOD = (Path(__file__).resolve().parents[3] / "policies" / "stepping-stones.toml").read_text(encoding="utf-8")

MISTAKES = {
    "a span with a typo": (
        'span = "30 minutes"',
        'span = "30 minuts"',
        'check_ins.interval.span: "30 minuts" is no span',
    ),
    "a span without a unit": ('span = "30 minutes"', "span = 30", "check_ins.interval.span: 30 is no span"),
    "a span of nothing": ('span = "30 minutes"', 'span = "0 minutes"', 'span: "0 minutes" is no span above zero'),
    "a span of the clock": ('span = "30 minutes"', 'span = "00:30:00"', 'span: "00:30:00" is no span'),
    "a span in months": ('span = "30 minutes"', 'span = "P1M"', 'check_ins.interval.span: "P1M" is no span'),
    "an unknown role": (
        'notify = ["supervisor"]',
        'notify = ["supervizor"]',
        'ladders[9].steps[1].notify[1]: "supervizor" is unknown here (did you mean supervisor?)',
    ),
    "nobody to tell": ('notify = ["supervisor"]', "notify = []", "ladders[9].steps[1].notify: is empty"),
    "people to tell beside a task": (
        'key = "supervisor_rings"\n',
        'key = "supervisor_rings"\nnotify = ["dsl"]\n',
        "ladders[1].steps[1].notify: stands beside a task",
    ),
    "an unknown trigger": ('trigger = "help"', 'trigger = "hepl"', 'ladders[2].trigger: "hepl" is unknown here (did'),
    "an unknown key": ("[approval]\n", "[approval]\nrole = []\n", "approval.role: there is no such key (did you mean"),
    "an unknown key in a citation": (
        "wait_cites.ours = true",
        "wait_cites.our = true",
        "ladders[1].steps[1].wait_cites.our: there is no such key (did you mean ours?)",
    ),
    "a missing key": ('text = "', '# text = "', "text: is missing; add it"),
    "a question in prose": ('"feels_safe"]', '"Feels safe?"]', 'gate.dynamic_questions[4]: "Feels safe?" has a char'),
    "an id with a blank": ('policy_id = "s', 'policy_id = "a s', 'policy_id: "a stepping-stones" has a character'),
    "a truth in quotes": ("cites.ours = true", 'cites.ours = "yes"', 'check_ins.interval.cites.ours: "yes" is neither'),
    "a date for a text": (
        'text = "',
        'text = 2026-01-01 #"',
        "text: 2026-01-01 is no text; write it in quotation marks",
    ),
    "an empty name": ('title = "Lone working at Stepping Stones"', 'title = " "', "title: is empty"),
    "a name without end": ('title = "Lone', f'title = "{"x" * 200}', "at most 200 characters"),
    "a typo in a span that may be left out": (
        'remind_after = "10 minutes"',
        'remind_after = "10 minuts"',
        'awaits.start.remind_after: "10 minuts" is no span',
    ),
    "nothing to tell after": ('tell_after = "20 minutes"\n', "", "awaits.start.tell_after: is missing"),
    "an unknown key of what is awaited": (
        'tell_after = "20 minutes"',
        'tell_after = "20 minutes"\ntell_afer = "1 minute"',
        "awaits.start.tell_afer: there is no such key (did you mean tell_after?)",
    ),
    "something that nobody awaits": ("[awaits.report]", "[awaits.raport]", "awaits.raport: there is no such key"),
    "more factors than can be spoken to": (
        "factors = [",
        "factors = [" + "'one_more', " * 101,
        "gate.factors: ",
    ),
}


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "operator.toml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(file)
    assert str(caught.value).startswith((str(file), repr(str(file))))
    return str(caught.value)


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_key_and_what_to_do(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    assert message in refusal(written(tmp_path, GOOD.replace(right, wrong, 1)))


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name != "a date for a text"])
def test_the_json_schema_refuses_the_same_mistakes(mistake: str) -> None:
    right, wrong, _ = MISTAKES[mistake]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(policy_schema()).validate(tomllib.loads(GOOD.replace(right, wrong, 1)))


@pytest.mark.parametrize("trigger", ["check_in_missed", "help"])
def test_a_missing_ladder_is_refused_by_code_and_schema(tmp_path: Path, trigger: str) -> None:
    start = GOOD.index(f'[[ladders]]\ntrigger = "{trigger}"')
    end = GOOD.find("[[ladders]]\n", start + 1)
    content = GOOD[:start] + (GOOD[end:] if end > 0 else "")
    assert f"no ladder for {trigger}: give exactly one [[ladders]]" in refusal(written(tmp_path, content))
    assert not jsonschema.Draft202012Validator(policy_schema()).is_valid(tomllib.loads(content))


def test_two_ladders_for_one_trigger_are_refused_by_code_and_schema(tmp_path: Path) -> None:
    content = GOOD + GOOD[GOOD.index("[[ladders]]\n") : GOOD.index('[[ladders]]\ntrigger = "help"')]
    assert "two ladders for one trigger" in refusal(written(tmp_path, content))
    assert not jsonschema.Draft202012Validator(policy_schema()).is_valid(tomllib.loads(content))


def test_a_trigger_without_need_of_a_ladder_has_one_at_most(tmp_path: Path) -> None:
    report = GOOD[GOOD.rindex("[[ladders]]\n") :]
    without = GOOD.removesuffix(report)
    assert load_policy(written(tmp_path, without)).ladder_for("report_overdue").trigger == "check_in_missed"
    assert jsonschema.Draft202012Validator(policy_schema()).is_valid(tomllib.loads(without))
    assert "two ladders for one trigger" in refusal(written(tmp_path, GOOD + report))
    assert not jsonschema.Draft202012Validator(policy_schema()).is_valid(tomllib.loads(GOOD + report))


def test_every_mistake_of_a_file_is_named_once(tmp_path: Path) -> None:
    content = GOOD.replace('"30 minutes"', '"soon"', 1).replace('["supervisor"]', '["boss"]', 1)
    content = content.replace("[gate.", "[gait.")
    with pytest.raises(PolicyError) as caught:
        load_policy(written(tmp_path, content))
    keys = [problem.split(": ")[1] for problem in caught.value.problems]
    assert keys == ["check_ins.interval.span", "gate.valid_for", "gait", "ladders[9].steps[1].notify[1]"]


def test_toml_that_does_not_parse_is_named_with_its_line(tmp_path: Path) -> None:
    assert "is not TOML: " in refusal(written(tmp_path, 'policy_id = "a"\ntitle = \n'))
    assert "line 2" in refusal(written(tmp_path, 'policy_id = "a"\ntitle = \n'))


def test_a_nul_is_refused_as_itself_and_as_an_escape(tmp_path: Path) -> None:
    assert "is not TOML: " in refusal(written(tmp_path, 'title = "a\0b"'))
    assert "title: contains the character U+0000" in refusal(
        written(tmp_path, GOOD.replace('e = "L', 'e = "\\u0000L', 1))
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "policy_id: is missing"),
        (b"\xff\xfe\x00", "byte 1 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00", "byte 1 is not UTF-8"),
        (b"a = " + b"[" * 9000, "is nested too deeply"),
        (b"\n\na = " + b"9" * 9000, ":3: has a number that nobody can count"),
        (b"title = 0x" + b"f" * 9000, "1: title: is a number of far too many digits"),
        (b"check_ins.cites." + b"a." * 9000 + b"a = 1", "is nested too deeply"),
        (b"ladders = [{ trigger = nan }]", "1: ladders[1].steps: is missing"),
        (b"[[clauses]]\nx = 1\n[[ladders]]\n[ladders.steps]\ntask = 1979-05-27\n", "clauses: [{'x': 1}] is no table"),
    ],
    ids=[
        "nothing",
        "another encoding",
        "an image",
        "endless brackets",
        "an endless number",
        "an endless number in hex",
        "an endless key",
        "no number",
        "tables in the wrong places",
    ],
)
def test_a_file_that_is_no_policy_at_all_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refusal(written(tmp_path, content))


@pytest.mark.parametrize("span", ["367 days", "P366DT1S", "99999999999 days", "P99999999999D", "0.0000001 seconds"])
def test_a_span_that_is_too_long_or_too_short_to_be_counted_is_refused(tmp_path: Path, span: str) -> None:
    assert f'"{span}" is no span' in refusal(written(tmp_path, GOOD.replace("30 minutes", span)))


def test_a_missing_file_a_folder_and_a_path_that_is_none_are_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "absent.toml")
    assert "is no file" in refusal(tmp_path)
    assert "is no file" in refusal(Path("/dev/zero"))
    assert "is no path" in refusal(Path("a\0b"))


def test_a_file_that_is_larger_than_any_policy_is_refused(tmp_path: Path) -> None:
    assert "has more than 1048576 bytes" in refusal(written(tmp_path, b"# \n" * 400_000))


def test_a_file_from_an_editor_that_marks_utf_8_is_read(tmp_path: Path) -> None:
    assert load_policy(written(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())).policy_id == "stepping-stones"
