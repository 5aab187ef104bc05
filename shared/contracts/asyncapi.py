"""The feed as integrators read it: AsyncAPI 3.0.0, made from the topics, the headers and the events of the contracts.

Reads and writes no file; ``lonewatch topics --asyncapi`` prints it and docs/asyncapi.json keeps it.

Source: the AsyncAPI specification 3.0.0 and version 0.5.0 of its Kafka bindings.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from shared.contracts.asyncapi_messages import BINDING, Docs, event_types, messages, schemas
from shared.contracts.topics import CLEANUP, PARTITIONS, RETENTION, TOPICS, Topic, configuration_of, group_of

NOTHING_SAID: Docs = MappingProxyType({})
"""No words about single fields: the document is the same but for their descriptions."""

_SECURITY = {
    "plain": {"type": "plain", "description": "A name and a password, inside TLS only."},
    "scram_sha_256": {"type": "scramSha256", "description": "A name and a password that is never sent."},
    "scram_sha_512": {"type": "scramSha512", "description": "The same, with the longer hash."},
    "certificate": {"type": "X509", "description": "The client shows a certificate of its own (mutual TLS)."},
}
"""Each way to show a broker who one is that Lonewatch's own clients know."""

_ABOUT = """\
Every event of one Lonewatch, in four topics: one for each service, which alone writes it.

The log in PostgreSQL is the truth. A topic carries its records byte for byte, and may repeat some: drop what is at or below \
the last `ce_position` that you applied of its topic and shard, as long as `ce_incarnation` is the same. `docs/integrating.md` \
tells the rest.

A schema says what a reader must be ready for: records of an older release may lack what has a default, and those of a later \
one may have members that are not here."""


def asyncapi(release: str, docs: Docs = NOTHING_SAID) -> dict[str, Any]:
    """Return the document of one release. ``docs`` says of each class what its fields are for."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Lonewatch", "version": release, "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {_channel_name(topic): _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {"messages": messages(), "schemas": schemas(docs), "securitySchemes": _SECURITY},
    }


def asyncapi_text(release: str, docs: Docs = NOTHING_SAID) -> str:
    """Return the document as it is written to its file."""
    return json.dumps(asyncapi(release, docs), indent=2, ensure_ascii=False) + "\n"


def _servers() -> dict[str, Any]:
    bootstrap = {
        "default": "127.0.0.1:9092",
        "description": "Host and port of a broker, as in LONEWATCH_KAFKA_BOOTSTRAP.",
    }
    kinds = (
        ("plaintext", "kafka", "On one machine, or inside a network that nobody else is in.", ()),
        ("sasl_ssl", "kafka-secure", "TLS, and a name with a password.", ("scram_sha_512", "scram_sha_256", "plain")),
        ("ssl", "kafka-secure", "TLS on both sides.", ("certificate",)),
    )
    return {
        name: {
            "host": "{bootstrap}",
            "protocol": protocol,
            "description": description,
            "variables": {"bootstrap": bootstrap},
            **({"security": [_ref("securitySchemes", scheme) for scheme in schemes]} if schemes else {}),
        }
        for name, protocol, description, schemes in kinds
    }


def _channel(topic: Topic) -> dict[str, Any]:
    configuration = configuration_of(topic)
    return {
        "address": topic.name,
        "title": topic.name,
        "summary": topic.about,
        "description": (
            f"Written by {topic.owner} alone; followed by {', '.join(topic.followers)}. Made with {PARTITIONS} partitions"
            " unless the operator wants another number, on three brokers where there are three."
        ),
        "messages": {type_: _ref("messages", type_) for type_ in event_types(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": PARTITIONS,
                "topicConfiguration": {
                    CLEANUP: [configuration[CLEANUP]],
                    RETENTION: int(configuration[RETENTION]),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(topic: Topic) -> dict[str, Any]:
    """Return who sends on a topic and who receives from it. A follower reads every message and may pass over most."""
    name = _channel_name(topic)
    channel = {"$ref": f"#/channels/{name}"}
    sends = {
        f"{topic.owner}_sends_{name}": {
            "action": "send",
            "channel": channel,
            "summary": f"{topic.owner} publishes what it appended to the log, in the log's order.",
        }
    }
    receives = {
        f"{service}_receives_{name}": {
            "action": "receive",
            "channel": channel,
            "summary": f"{service} follows; what does not come in time it reads from the log.",
            "bindings": {
                "kafka": {
                    "groupId": {"type": "string", "enum": [group_of(service)]},
                    "bindingVersion": BINDING,
                }
            },
        }
        for service in topic.followers
    }
    return sends | receives


def _channel_name(topic: Topic) -> str:
    """Return ``visits`` of ``lonewatch.visits.v1``."""
    return topic.name.split(".")[1]


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
