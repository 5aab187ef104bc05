"""A policy that contradicts itself is refused with file, line, key, what is wrong and what to do; and nothing ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.policy.cli import app
from deploy.policy.files import PolicyError, load_policy

FILE = Path(__file__).resolve().parents[3] / "policies" / "commence.toml"
GOOD = FILE.read_text(encoding="utf-8")

NO_ANSWER = 'leads_to = "ring_mobile_again", after = "5 minutes"'
DURESS_OUTCOMES = GOOD[GOOD.index("# Ours, all of them: the text does not say what follows a code word") :]
DURESS_OUTCOMES = DURESS_OUTCOMES[: DURESS_OUTCOMES.index("# Ours: somebody is in danger now.")]
RING_OUTCOMES = GOOD[GOOD.index("outcomes = [") : GOOD.index("# Ours: whoever sits at the office")]

BROKEN = {
    "an unknown role": (
        'who = ["dsl", "senior_leader"]',
        'who = ["dls", "senior_leader"]',
        'who = ["dls"',
        'task.who[1]: "dls" is unknown here (did you mean dsl?)',
    ),
    "a role that may not act": (
        'who = ["dsl", "senior_leader"]',
        'who = ["auditor", "senior_leader"]',
        'who = ["auditor"',
        "ladders[5].steps[1].task.who[1]: auditor may not act on an escalation; name a role that may.",
    ),
    "an unreachable step": (
        'leads_to = "emergency_services", cites.clauses = ["S4 7.8"]',
        'leads_to = "acknowledged", cites.clauses = ["S4 7.8"]',
        '[[ladders.steps]]\nkey = "emergency_services"',
        'ladders[1].steps[6]: is unreachable: every way goes past it; let "emergency_services" be led to, or take it out.',
    ),
    "a cycle": (
        'leads_to = "ring_contacts", cites.clauses = ["S4-HV 3.15"]',
        'leads_to = "ring_mobile", cites.clauses = ["S4-HV 3.15"]',
        'leads_to = "ring_mobile", cites.clauses = ["S4-HV 3.15"]',
        'outcomes[2].leads_to: "ring_mobile" leads back to step 1, so the ladder would go round in a cycle; lead to a later step.',
    ),
    "a step that follows itself": (
        'then = "exhausted"',
        'then = "line_manager"',
        'then = "line_manager"',
        'ladders[1].steps[5].then: "line_manager" leads to its own step, so the ladder would go round in a cycle',
    ),
    "no end": (
        DURESS_OUTCOMES,
        'outcomes = [{ code = "called", says = "I have called them", leads_to = "next", cites.ours = true }]\n',
        '[[ladders]]\ntrigger = "duress"',
        "ladders[3]: has no end: no outcome of its tasks leads to resolved or acknowledged; let one of them.",
    ),
    "an unknown clause": (
        'cites.clauses = ["S4-HV 3.16"]\ncites.requirements = ["M-07"]',
        'cites.clauses = ["S4-HV 3.61"]\ncites.requirements = ["M-07"]',
        "S4-HV 3.61",
        'ladders[1].steps[4].cites.clauses[1]: "S4-HV 3.61" does not stand in [clauses] (did you mean S4-HV 3.16?)',
    ),
    "an unknown requirement": (
        'cites.requirements = ["M-07"]\n\n',
        'cites.requirements = ["M-77"]\n\n',
        '"M-77"',
        'steps[4].cites.requirements[1]: there is no requirement "M-77" (did you mean M-07?); cite an id of docs/',
    ),
    "a wrong unit": (
        'wait = "10 minutes"',
        'wait = "10 fortnights"',
        "fortnights",
        'ladders[1].steps[1].wait: "10 fortnights" is no span above zero',
    ),
    "a reminder as long as the interval": (
        'span = "5 minutes"\ncites.ours = true\n\n[approval]',
        'span = "2 hours"\ncites.ours = true\n\n[approval]',
        'span = "2 hours"',
        "check_ins.remind_before.span: 2 hours are not shorter than the interval of 1 hour",
    ),
    "a reminder after the others are told": (
        'remind_after = "10 minutes"',
        'remind_after = "20 minutes"',
        'remind_after = "20 minutes"',
        "awaits.start.remind_after: 20 minutes are not shorter than tell_after, so others are told before the worker",
    ),
    "a time to take a task that is as long as the step": (
        'take_within = { span = "2 minutes"',
        'take_within = { span = "10 minutes"',
        'take_within = { span = "10 minutes"',
        "ladders[1].steps[1].task.take_within.span: 10 minutes are not shorter than the step's wait of 10 minutes",
    ),
    "a time to finish a task that is longer than the step": (
        'finish_within = { span = "3 minutes"',
        'finish_within = { span = "1 hour"',
        'finish_within = { span = "1 hour"',
        "finish_within.span: 1 hour are not shorter than the step's wait of 10 minutes, when the next step starts; make",
    ),
    "an outcome that waits longer than its step": (
        NO_ANSWER,
        'leads_to = "ring_mobile_again", after = "11 minutes"',
        'after = "11 minutes"',
        "outcomes[2].after: 11 minutes are longer than the step's wait of 10 minutes, which comes first; make after",
    ),
    "an outcome that waits for no step": (
        'leads_to = "acknowledged", cites.clauses = ["S4 7.8", "S4-HV 3.16"]',
        'leads_to = "acknowledged", after = "1 minute", cites.clauses = ["S4 7.8", "S4-HV 3.16"]',
        ', after = "1 minute"',
        "ladders[1].steps[5].task.outcomes[2].after: counts to a step, and this outcome leads to none; take it out",
    ),
    "a task without outcomes": (
        RING_OUTCOMES,
        "outcomes = []\n",
        "outcomes = []",
        "ladders[1].steps[1].task.outcomes: is empty; give at least one entry",
    ),
    "a task whose outcomes are missing": (
        RING_OUTCOMES,
        "",
        "[ladders.steps.task]",
        "ladders[1].steps[1].task.outcomes: is missing; add it",
    ),
    "an outcome that leads nowhere": (
        'leads_to = "line_manager", cites.ours = true',
        "cites.ours = true",
        'says = "What they say, or how, is not right", cites.ours',
        'ladders[1].steps[3].task.outcomes[7]: "concern" leads nowhere and raises nothing; give it leads_to, or raises.',
    ),
    "an outcome to a step that is not there": (
        'leads_to = "ring_home", records',
        'leads_to = "ring_house", records',
        'leads_to = "ring_house"',
        'leads_to: no later step has the key "ring_house" (did you mean ring_home?); it may be ring_home, line_manager',
    ),
    "a step after one that is not there": (
        'then = "exhausted"',
        'then = "exausted"',
        'then = "exausted"',
        'ladders[1].steps[5].then: no later step has the key "exausted" (did you mean exhausted?)',
    ),
    "two steps with one key": (
        'key = "ring_home"',
        'key = "ring_contacts"',
        'key = "ring_contacts"\nname = "Ring the worker at home"',
        'ladders[1].steps[4].key: "ring_contacts" is the key of step 3 too; give one of them another key.',
    ),
    "a key that is a word of the format": (
        'key = "told"',
        'key = "resolved"',
        'key = "resolved"',
        'ladders[3].steps[2].key: "resolved" is a word of the format; give the step another key.',
    ),
    "two outcomes with one code": (
        '{ code = "in_hand", says = "They know',
        '{ code = "called", says = "They know',
        '{ code = "called", says = "They know',
        'ladders[3].steps[1].task.outcomes[2].code: "called" is the code of another outcome of this task; give it one',
    ),
    "two questions with one code": (
        '{ code = "seen_leaving", ask',
        '{ code = "left", ask',
        '{ code = "left", ask = "Did you see',
        'ladders[1].steps[3].task.questions[2].code: "left" is the code of another question of this task',
    ),
    "two ladders for one trigger": (
        'trigger = "trouble"',
        'trigger = "unsafe"',
        'trigger = "unsafe"\ncites.clauses = ["S4 9.3"]',
        "ladders[11].trigger: two ladders for one trigger",
    ),
    "a safe end that does not say how": (
        'leads_to = "resolved", how = "spoke_with_worker", cites.clauses = ["S4-HV 3.16"]',
        'leads_to = "resolved", cites.clauses = ["S4-HV 3.16"]',
        'says = "Spoke with them at home',
        'ladders[1].steps[4].task.outcomes[1]: "safe" ends it and does not say how; add how, as "spoke_with_worker".',
    ),
    "how it ended, where it does not end": (
        'leads_to = "line_manager", cites.clauses = ["S4-HV 3.15"], cites.ours = true',
        'leads_to = "line_manager", how = "rang", cites.clauses = ["S4-HV 3.15"], cites.ours = true',
        'how = "rang"',
        "ladders[1].steps[3].task.outcomes[2].how: says how it ended, and this outcome does not end it",
    ),
    "an unknown trigger is raised": (
        'raises = "duress"',
        'raises = "duresse"',
        'raises = "duresse"',
        'outcomes[4].raises: "duresse" is unknown here (did you mean duress?)',
    ),
    "trouble with Lonewatch is raised by a call": (
        'raises = "duress"',
        'raises = "system"',
        'raises = "system"',
        'ladders[1].steps[1].task.outcomes[4].raises: "system" is about Lonewatch itself, never about a worker',
    ),
    "an end that raises a trigger": (
        'leads_to = "resolved", how = "spoke_with_worker", cites.clauses = ["S4-HV 3.16"]',
        'leads_to = "resolved", raises = "help", how = "spoke_with_worker", cites.clauses = ["S4-HV 3.16"]',
        'raises = "help"',
        "outcomes[1].raises: clashes with resolved: nobody is safe of whom this is said; take one of them out.",
    ),
    "a fact for which a trigger would have to wait": (
        'raises = "duress"',
        'raises = "duress", records = ["left_at"]',
        'records = ["left_at"]',
        "outcomes[4].records: stand beside raises, and a trigger waits for no fact; take one of them out.",
    ),
    "a step with people to tell and a task": (
        'key = "ring_home"\n',
        'key = "ring_home"\nnotify = ["dsl"]\n',
        'notify = ["dsl"]',
        "ladders[1].steps[4].notify: stands beside a task; a step tells people or is a task, so take one of them out.",
    ),
    "a step with neither": (
        'notify = ["administrator", "line_manager"]\n',
        "",
        '[[ladders.steps]]\nname = "Admin staff keep contact',
        "ladders[11].steps[1].notify: is empty, and there is no task either; give roles that are told, or a task.",
    ),
    "an unknown key of a task": (
        'calls = "worker_home"',
        'call = "worker_home"',
        'call = "worker_home"',
        "ladders[1].steps[4].task.call: there is no such key (did you mean calls?)",
    ),
    "a fact that nobody records": (
        'records = ["left_at"]',
        'records = ["left_on"]',
        'records = ["left_on"]',
        'records[1]: "left_on" is unknown here (did you mean left_at?)',
    ),
    "TOML that is none": (
        "[check_ins.grace]\n",
        "[check_ins.grace\n",
        "[check_ins.grace\n",
        "is not TOML: ",
    ),
    "a value without end": (
        'title = "Lone working at Commence"',
        'title = "Lone working at Commence',
        'title = "Lone',
        "is not TOML: ",
    ),
    "a key twice": (
        'then = "exhausted"',
        'then = "exhausted"\nthen = "exhausted"',
        'then = "exhausted"\ncites',
        "is not TOML: Cannot overwrite a value",
    ),
}


def problems(tmp_path: Path, content: str) -> list[str]:
    file = tmp_path / "operator.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_policy(file)
    assert all(problem.startswith(f"{file}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


@pytest.mark.parametrize(("right", "wrong", "at", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, right: str, wrong: str, at: str, words: str
) -> None:
    assert right in GOOD
    content = GOOD.replace(right, wrong, 1)
    found = problems(tmp_path, content)
    line = content.count("\n", 0, content.index(at)) + 1
    assert [problem for problem in found if problem.startswith(f"{line}: ") and words in problem], (line, found)


def test_the_command_ends_with_1_and_has_a_line_of_its_own_for_each_problem(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    file.write_text(GOOD.replace(NO_ANSWER, 'leads_to = "ring_hme", after = "1 hour"', 1), encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(file)])
    line = GOOD.count("\n", 0, GOOD.index(NO_ANSWER)) + 1
    assert result.exit_code == 1
    assert [one.split(": ")[0] for one in result.stderr.splitlines()] == [f"{file}:{line}"] * 2


def said_of(tmp_path: Path, content: bytes) -> tuple[str, ...]:
    """Return what is wrong with a file, each part after the file's name; anything but a PolicyError fails the test."""
    file = tmp_path / "operator.toml"
    file.write_bytes(content)
    try:
        load_policy(file)
    except PolicyError as error:
        return tuple(problem.split(str(file), 1)[1] for problem in error.problems)
    return ()


ANY_FILE = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ANY_FILE
@given(st.binary(max_size=200))
def test_no_bytes_end_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    assert all(said.startswith(":") for said in said_of(tmp_path, content))


LINES = GOOD.splitlines(keepends=True)
SCRAPS = [
    "",
    '"',
    "'''",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "[[ladders]]\n",
    "nan",
    "1979-05-27",
    "true",
    '"""',
    "x.y = 1\n",
    "\\",
    "\0",
]


@ANY_FILE
@given(st.data())
def test_no_damage_to_a_good_file_ends_in_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[place])))
        kept = lines[place][data.draw(st.integers(cut, len(lines[place]))) :]
        lines[place] = lines[place][:cut] + data.draw(st.sampled_from(SCRAPS)) + kept
    assert all(said.startswith(":") for said in said_of(tmp_path, "".join(lines).encode()))


VALUES = st.recursive(
    st.sampled_from(
        ["1", "true", '"resolved"', '"5 minutes"', "1979-05-27", "nan", "[]", "{}", '"administrator"', "0xff"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]"),
        st.dictionaries(st.sampled_from(["who", "code", "span", "outcomes", "cites", "ours"]), inner, max_size=3).map(
            lambda pairs: f"{{ {', '.join(f'{key} = {value}' for key, value in pairs.items())} }}"
        ),
    ),
    max_leaves=6,
)
KEYS = sorted({line.split(" = ")[0] for line in LINES if " = " in line and line[0].isalpha()})


@ANY_FILE
@given(st.sampled_from(KEYS), VALUES, st.integers(0, 40))
def test_no_value_where_another_belongs_ends_in_a_traceback(tmp_path: Path, key: str, value: str, skipped: int) -> None:
    places = [number for number, line in enumerate(LINES) if line.startswith(f"{key} = ")]
    place = places[skipped % len(places)]
    content = "".join([*LINES[:place], f"{key} = {value}\n", *LINES[place + 1 :]])
    assert all(said.startswith(":") for said in said_of(tmp_path, content.encode()))
