"""The AsyncAPI document: of today, whole, and true of the records and headers that go out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from deploy.asyncapi_file import document_text, field_docs
from shared.contracts import audits, carried, troubles, visits
from shared.contracts.asyncapi_record import ENVELOPE, HEADERS, OPTIONAL
from shared.contracts.base import Event
from shared.contracts.envelope import EVENT_TYPES, Envelope
from shared.contracts.topics import TOPIC_OF_SERVICE, TOPICS, shard_of, topic_of
from shared.runtime.log import Append, By, Write
from shared.runtime.records import compose, instant
from tests.support.asyncapi import DOCUMENT, at, document, objections
from tests.unit.audit.answers import DEADLINE_FAILED, acknowledged, not_reached, opened, parked, queued, resolved
from tests.unit.checkin.examples import ASSESSMENT_1, ENDED, MISSED, PLANNED, POLICY_1, STARTED, T0

SITE = visits.SiteRegistered(site_id="site1", name="Mill Lane", policy_id="policy1")
POLICY = visits.PolicyAdopted(policy_id="policy1", policy_version=1, sha256="00", policy=POLICY_1)
READ = audits.TimelineDisclosed(subject_id="visit1", to="olga", through=7)
CLOCK = troubles.ClockDiffered(service="audit", replica="audit-1", seconds=-2.5)

EXAMPLES: tuple[tuple[str, Event], ...] = (
    *(("visit-visit1", event) for event in (PLANNED, STARTED, MISSED, ENDED)),
    ("site-site1", SITE),
    ("policy-policy1", POLICY),
    ("assessment-a1", ASSESSMENT_1),
    *(("escalation-visit1", event) for event in (opened(), acknowledged("sue", T0, 1), resolved("sue"))),
    *(("notification-n1", event) for event in (queued(1, "sue"), not_reached(1, "sue"))),
    ("disclosure-visit1", READ),
    ("escalation_trouble-escalation.9", parked()),
    ("checkin_trouble-clock", DEADLINE_FAILED),
    ("audit_trouble-clock", CLOCK),
)
"""Events of every topic, and the streams that they stand in."""


def references(part: Any) -> Iterator[str]:
    """Yield every reference in a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def record(stream_id: str, event: Event) -> dict[str, Any]:
    """Return a record as it goes out: composed by the code that composes all, completed as the log does it."""
    write = Write(stream_id, 0, [event], visit_id="visit1" if stream_id.startswith("visit-") else None)
    [body] = compose(Append([write], By("sue", "c1"), decided_at=T0), "0.1.0").bodies
    before = f'{{"incarnation":"a","position":7,"recorded_at":"{instant(T0)}",'
    found: dict[str, Any] = orjson.loads(before.encode() + body)
    return found


def test_the_document_is_of_today() -> None:
    again = "it is made from the contracts; write it again: lonewatch topics --asyncapi docs/asyncapi.json"
    assert DOCUMENT.read_text("utf-8") == document_text(), again


def test_every_reference_leads_somewhere() -> None:
    found = set(references(document()))
    assert len(found) > 100
    assert all(at(reference) for reference in found)


def test_a_topic_carries_what_its_owner_says_and_the_troubles_of_its_owner() -> None:
    channels = {channel["address"]: set(channel["messages"]) for channel in document()["channels"].values()}
    assert set(channels) == {topic.name for topic in TOPICS}
    assert set[str]().union(*channels.values()) == set(EVENT_TYPES)
    of_all = set[str].intersection(*channels.values())
    assert of_all == {event.type for event in troubles.EVENTS}
    assert sum(len(types - of_all) for types in channels.values()) + len(of_all) == len(EVENT_TYPES)


def test_who_sends_and_who_receives_is_the_table_of_topics() -> None:
    said = {
        (name.split("_")[0], operation["action"], at(operation["channel"]["$ref"])["address"])
        for name, operation in document()["operations"].items()
    }
    assert said == {
        *((topic.owner, "send", topic.name) for topic in TOPICS),
        *((follower, "receive", topic.name) for topic in TOPICS for follower in topic.followers),
    }


def test_the_documented_headers_are_those_of_a_record_and_what_the_client_adds() -> None:
    place = carried.Place(position=7, shard=3, incarnation="a", predecessor=5)
    made = carried.headers_of(place, "e1", "visit.started.v1", "visit-v1", instant(T0), "checkin", "v1")
    assert [name for name, _ in made] == [name for name in HEADERS if name not in OPTIONAL]
    assert objections("visit.started.v1", "headers", {name: value.decode() for name, value in made}) == []


@pytest.mark.parametrize("name", [name for name in HEADERS if name not in OPTIONAL])
def test_a_record_without_one_of_its_headers_is_not_what_the_document_says(name: str) -> None:
    place = carried.Place(position=7, shard=3, incarnation="a", predecessor=5)
    made = carried.headers_of(place, "e1", "visit.started.v1", "visit-v1", instant(T0), "checkin", "v1")
    assert objections("visit.started.v1", "headers", {key: value.decode() for key, value in made if key != name})


@pytest.mark.parametrize(("stream_id", "event"), EXAMPLES, ids=[event.type for _, event in EXAMPLES])
def test_a_record_is_what_the_document_says(stream_id: str, event: Event) -> None:
    made = record(stream_id, event)
    assert objections(event.type, "payload", made) == []
    assert (
        objections(event.type, "payload", {**made, "added_later": 1, "data": {**made["data"], "added_later": 1}}) == []
    )


def test_examples_are_of_every_topic() -> None:
    assert {topic_of(stream_id) for stream_id, _ in EXAMPLES} == set(TOPIC_OF_SERVICE.values())


@pytest.mark.parametrize(
    "wrong",
    [{"position": "7"}, {"type": "visit.ended.v1"}, {"topic": "lonewatch.audit.v1"}, {"data": {"visit_id": "visit1"}}],
)
def test_a_record_that_is_another_is_found(wrong: dict[str, Any]) -> None:
    assert objections(STARTED.type, "payload", {**record("visit-visit1", STARTED), **wrong})


def test_every_member_of_the_envelope_is_explained() -> None:
    assert set(ENVELOPE) == set(Envelope.model_fields)
    said = document()["components"]["schemas"]["Envelope"]["properties"]
    assert all(said[name]["description"] for name in ENVELOPE)


def test_what_the_sources_say_of_a_field_stands_in_the_document() -> None:
    [(name, about)] = field_docs()["PolicyAdopted"].items()
    said = document()["components"]["schemas"]["PolicyAdopted"]["properties"]
    assert said[name]["description"] == about == "Of the policy's canonical JSON."


def test_an_event_that_is_new_makes_it_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    class DoorOpened(Event):
        """A door was opened."""

        type = "visit.door_opened.v1"

    monkeypatch.setitem(EVENT_TYPES, DoorOpened.type, DoorOpened)
    assert '"summary": "A door was opened."' in document_text()
    assert DOCUMENT.read_text("utf-8") != document_text()


def test_the_page_for_integrators_names_every_topic_header_and_member() -> None:
    page = (DOCUMENT.parent / "integrating.md").read_text("utf-8")
    table = {cell for line in page.splitlines() if line.startswith("|") for cell in re.findall("`([^`]+)`", line)}
    assert {topic.name for topic in TOPICS} | set(HEADERS) | set(ENVELOPE) <= table
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if line.startswith("| `lonewatch.")
    ]
    assert [(name.strip("`"), owner, followers) for name, owner, _, followers in rows] == [
        (topic.name, topic.owner, ", ".join(topic.followers)) for topic in TOPICS
    ]


def test_the_example_on_the_page_for_integrators_is_what_the_document_says() -> None:
    page = (DOCUMENT.parent / "integrating.md").read_text("utf-8")
    example = orjson.loads(page.split("```json\n")[1].split("```")[0])
    headers = dict(
        line.split("=", 1) for line in page.splitlines() if re.match(r"(ce_\w+|content-type|correlation_id)=", line)
    )
    assert objections(example["type"], "payload", example) == []
    assert objections(example["type"], "headers", headers) == []
    assert set(headers) == set(HEADERS)
    assert example["shard"] == shard_of(headers["ce_partitionkey"]) == int(headers["ce_shard"])
    assert headers["ce_id"] == example["event_id"]
