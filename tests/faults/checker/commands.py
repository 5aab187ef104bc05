"""I1: every accepted id is in the log exactly once with its content, an unknown one at most once, a refused one never."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from tests.faults.checker.evidence import Evidence, Line
from tests.faults.checker.history import Command, Event, Log, Violation, grouped

Key = tuple[str, str]

LEAVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "check_in": frozenset({"visit.check_in_recorded.v1", "visit.late_check_in_recorded.v1"}),
        "extend_visit": frozenset({"visit.extended.v1"}),
        "ask_for_help": frozenset({"visit.help_requested.v1", "worker.help_requested.v1"}),
    }
)
"""Operations that always leave an event of one of these types when they are accepted."""


def judge_commands(evidence: Evidence) -> Iterator[Violation]:
    """Return what is wrong with ids from outside."""
    log = evidence.log
    known = grouped(log.commands, lambda command: (command.source, command.id))
    positions = log.at
    claims = _claims(log)
    for key, rows in known.items():
        if len(rows) > 1:
            yield Violation("I1", f"the id is in log.command {len(rows)} times", _where(key))
        for command in rows:
            yield from _positions(command, positions)
    yield from _overlaps(log.commands)
    lines = grouped(evidence.journal, lambda line: (line.source, line.id))
    for key in known.keys() | lines.keys():
        covered = {place for command in known.get(key, ()) for place in _range(command)}
        stray = [event for event in claims.get(key, ()) if event.position not in covered]
        for event in stray:
            yield Violation("I1", f"an event claims an id that did not bring it: {_where(key)}", event.where)
    for key, sent in lines.items():
        yield from _answers(key, sent, known.get(key, []), positions)


def _where(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _claims(log: Log) -> Mapping[Key, Sequence[Event]]:
    """Return the events that somebody outside caused, by the id that they say brought them."""
    claims: defaultdict[Key, list[Event]] = defaultdict(list)
    for event in log.events:
        if event.causation_id is None:
            claims[f"http:{event.actor}", event.correlation_id].append(event)
    return claims


def _range(command: Command) -> range:
    if command.first_position is None or command.last_position is None:
        return range(0)
    return range(command.first_position, command.last_position + 1)


def _positions(command: Command, positions: Mapping[int, Event]) -> Iterator[Violation]:
    where = _where((command.source, command.id))
    if (command.first_position is None) != (command.last_position is None):
        yield Violation("I1", "the id has one position of two", where)
    if command.first_position is not None and not _range(command):
        yield Violation("I1", "the id's positions are in the wrong order", where)
    for place in _range(command):
        event = positions.get(place)
        if event is None:
            yield Violation("I1", f"the id points to position {place}, where no event is", where)
            continue
        if command.source.startswith("http:"):
            if event.correlation_id != command.id:
                yield Violation("I1", f"the id points to an event of another correlation: {event.where}", where)
            if event.actor != command.source.removeprefix("http:"):
                yield Violation("I1", f"the id points to an event of another actor: {event.where}", where)


def _overlaps(commands: Sequence[Command]) -> Iterator[Violation]:
    owners: dict[int, Key] = {}
    for command in commands:
        key = (command.source, command.id)
        for place in _range(command):
            if owners.setdefault(place, key) != key:
                yield Violation("I1", f"two ids point to position {place}", _where(key))


def _answers(
    key: Key, sent: Sequence[Line], rows: Sequence[Command], positions: Mapping[int, Event]
) -> Iterator[Violation]:
    """Compare what was answered to one id, however often it was sent, with what the log holds of it."""
    where = _where(key)
    accepted = [line for line in sent if line.accepted]
    other = any(line.answer.get("code") == "other_content" for line in sent)
    unknown = any(line.status is None or line.status >= HTTPStatus.INTERNAL_SERVER_ERROR for line in sent)
    if (accepted or other) and not rows:
        yield Violation("I1", "an id that was answered as known is not in the log", where)
    if not accepted and not other and not unknown and rows:
        yield Violation("I1", "an id that was only ever refused is in the log", where)
    for line in accepted[: len(accepted) if rows else 0]:
        command = rows[0]
        if "position" in line.answer and line.answer["position"] != command.last_position:
            yield Violation("I1", f"answered position {line.answer['position']}, not {command.last_position}", where)
        yield from _content(line, command, positions, where)


def _content(line: Line, command: Command, positions: Mapping[int, Event], where: str) -> Iterator[Violation]:
    events = [positions[place] for place in _range(command) if place in positions]
    leaves = LEAVES.get(line.operation)
    if leaves is not None and not any(event.type in leaves for event in events):
        yield Violation("I1", f"accepted as {line.operation}, but it left no such event", where)
    for event in events:
        if line.visit_id is not None and event.visit_id not in (None, line.visit_id):
            yield Violation("I1", f"sent for visit {line.visit_id}, but it changed another: {event.where}", where)
