"""The messages of the AsyncAPI document: a record's headers, key and value for every event type, and their schemas.

Reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from shared.contracts import audits, escalations, notifications, troubles, visits
from shared.contracts.asyncapi_record import ENVELOPE, HEADERS, OPTIONAL
from shared.contracts.base import Contract, Event
from shared.contracts.envelope import EVENT_TYPES, Envelope
from shared.contracts.topics import AUDIT, ESCALATIONS, NOTIFICATIONS, VISITS, Topic

Docs = Mapping[str, Mapping[str, str]]
"""What each field of each class is for."""

BINDING = "0.5.0"
"""Version of AsyncAPI's Kafka bindings that the document is written in."""

EVENTS_OF: Mapping[str, tuple[type[Event], ...]] = {
    VISITS: visits.EVENTS,
    ESCALATIONS: escalations.EVENTS,
    NOTIFICATIONS: notifications.EVENTS,
    AUDIT: audits.EVENTS,
}
"""The events of each topic's owner; any owner may say besides that it is in trouble."""


class _Plain(GenerateJsonSchema):
    """Schemas without a title for every field: the name says it already."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's hook
        """Say no."""
        return False


def event_types(topic: Topic) -> list[str]:
    """Return the types that may come by a topic."""
    return sorted(event.type for event in (*EVENTS_OF[topic.name], *troubles.EVENTS))


def messages() -> dict[str, Any]:
    """Return a message for every event type, by the type's name on the wire."""
    return {type_: _message(type_, event) for type_, event in sorted(EVENT_TYPES.items())}


def schemas(docs: Docs) -> dict[str, Any]:
    """Return the schemas of headers, envelope and events, and of all that they are made of."""
    models: list[type[Contract]] = [Envelope, *EVENT_TYPES.values()]
    _, found = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Plain,
    )
    said = {**docs, Envelope.__name__: ENVELOPE}
    made = {name: _described(schema, said.get(name, {})) for name, schema in found["$defs"].items()}
    return {"Headers": _headers(), **made}


def _message(type_: str, event: type[Event]) -> dict[str, Any]:
    summary, _, more = (event.__doc__ or "").partition("\n\n")
    topics = [topic for topic, events in EVENTS_OF.items() if event in events] or list(EVENTS_OF)
    return {
        "name": type_,
        "title": type_,
        "summary": summary,
        **({"description": " ".join(more.split())} if more else {}),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [{"$ref": "#/components/schemas/Headers"}],
            "properties": {"ce_type": {"const": type_}},
        },
        "correlationId": {
            "description": "What all that followed from one request has in common.",
            "location": "$message.payload#/correlation_id",
        },
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": "The visit's id; where there is no visit, the stream's. UTF-8.",
                },
                "bindingVersion": BINDING,
            }
        },
        "payload": {
            "type": "object",
            "allOf": [{"$ref": "#/components/schemas/Envelope"}],
            "properties": {
                "type": {"const": type_},
                "topic": {"enum": topics},
                "data": {"$ref": f"#/components/schemas/{event.__name__}"},
            },
        },
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "The headers of every record. All values are text in UTF-8; pass over headers that are not here.",
        "properties": {
            name: {"type": "string", "description": about, **looks} for name, (about, looks) in HEADERS.items()
        },
        "required": [name for name in HEADERS if name not in OPTIONAL],
    }


def _described(schema: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of a class with what is said of its fields."""
    fields = {
        name: _alone({**field, **({"description": about[name]} if name in about else {})})
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, **({"properties": fields} if fields else {})}


def _alone(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's schema with a reference by itself: what stands beside one is not read."""
    rest = {key: value for key, value in field.items() if key != "$ref"}
    return {"allOf": [{"$ref": field["$ref"]}], **rest} if rest and "$ref" in field else dict(field)
