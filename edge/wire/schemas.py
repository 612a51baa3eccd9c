"""The wire format for other programs: a JSON Schema per message and one AsyncAPI document, from the message types."""

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge.wire import messages
from edge.wire.messages import (
    SCHEMA,
    Answer,
    Ask,
    BeltReading,
    BinDecision,
    Command,
    GateReport,
    Heartbeat,
    Message,
    Response,
    Stats,
    Status,
    Trigger,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
VERSIONS = rf"^{SCHEMA.partition('.')[0]}\.[0-9]+$"
"""A consumer of 1.0 reads every 1.x."""


@dataclass(frozen=True)
class Channel:
    """One topic of the wire format."""

    name: str
    address: str
    """Topic with its variable levels in braces."""
    message: type[msgspec.Struct]
    from_daemon: bool
    qos: int
    retained: bool


CHANNELS = (
    Channel("decision", "sortline/{line}/decision/{bin}", BinDecision, from_daemon=True, qos=1, retained=False),
    Channel("answer", "sortline/{line}/answer", Answer, from_daemon=False, qos=1, retained=False),
    Channel("ask", "sortline/{line}/ask/{bin}", Ask, from_daemon=True, qos=0, retained=False),
    Channel("heartbeat", "sortline/{line}/heartbeat", Heartbeat, from_daemon=True, qos=0, retained=False),
    Channel("status", "sortline/{line}/status", Status, from_daemon=True, qos=1, retained=True),
    Channel("stats", "sortline/{line}/stats", Stats, from_daemon=True, qos=1, retained=True),
    Channel("belt", "sortline/{line}/belt", BeltReading, from_daemon=False, qos=0, retained=False),
    Channel("gate", "sortline/{line}/gate/{bin}", GateReport, from_daemon=False, qos=1, retained=True),
    Channel("trigger", "sortline/{line}/trigger", Trigger, from_daemon=False, qos=1, retained=False),
    Channel("command", "sortline/{line}/command/{command}", Command, from_daemon=False, qos=1, retained=False),
    Channel(
        "response", "sortline/{line}/command/{command}/response", Response, from_daemon=True, qos=1, retained=False
    ),
)
PARAMETERS = {
    "line": "Name of the sorting line, as its configuration says.",
    "bin": "Where items go; one gate serves one bin.",
    "command": "pause, resume, reload or snapshot.",
}


def write_schemas(folder: Path) -> list[Path]:
    """Write <message>.schema.json for every topic, and asyncapi.json, into `folder`; returns what was written."""
    documents = {f"{channel.name}.schema.json": json_schema(channel.message) for channel in CHANNELS}
    documents["asyncapi.json"] = asyncapi()
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return [folder / name for name in documents]


def json_schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema 2020-12 of one message; its descriptions are the docstrings of the type and its fields."""
    (reference,), parts = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    root = parts.pop(message.__name__)
    assert reference == {"$ref": f"#/$defs/{message.__name__}"}
    for name, part in {message.__name__: root, **parts}.items():
        _describe(part, getattr(messages, name))
    if issubclass(message, Message):  # but an encoder or a photo-eye need not know our format
        root["required"] = list(root["properties"])  # all are always sent, defaults or not
        root["properties"]["schema"] = {
            "type": "string",
            "pattern": VERSIONS,
            "description": "Major and minor version.",
        }
    document = {"$schema": DIALECT, "$id": f"sortline/{SCHEMA}/{message.__name__}", **root}
    return {**document, "$defs": parts} if parts else document


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of all topics, from the daemon's side."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "sortline",
            "version": SCHEMA,
            "description": "MQTT 5. Nothing that commands a gate is ever retained; t_ms counts on the daemon's "
            "monotonic clock and can be compared only within one boot.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {f"{_action(channel)}-{channel.name}": _operation(channel) for channel in CHANNELS},
        "components": {"messages": {channel.name: _message(channel) for channel in CHANNELS}},
    }


def _channel(channel: Channel) -> dict[str, Any]:
    levels = [name for name in PARAMETERS if f"{{{name}}}" in channel.address]
    return {
        "address": channel.address,
        "messages": {channel.name: {"$ref": f"#/components/messages/{channel.name}"}},
        "parameters": {name: {"description": PARAMETERS[name]} for name in levels},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    return {
        "action": _action(channel),
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": "0.2.0"}},
    }


def _action(channel: Channel) -> str:
    return "send" if channel.from_daemon else "receive"


def _message(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.message.__name__,
        "contentType": "application/json",
        "payload": {"schemaFormat": "application/schema+json;version=2020-12", "schema": json_schema(channel.message)},
    }


def _describe(schema: dict[str, Any], kind: type[Any]) -> None:
    """Put the docstrings of a type and its fields into its schema."""
    schema["description"] = inspect.getdoc(kind) or ""
    said = {name: text for ancestor in reversed(kind.__mro__) for name, text in _field_docstrings(ancestor).items()}
    for name, field in schema["properties"].items():
        if name in said:
            field["description"] = said[name]


def _field_docstrings(kind: type[Any]) -> Mapping[str, str]:
    """Field -> the string literal below it in the source, as messages.py documents units."""
    if kind.__module__ != messages.__name__:
        return {}
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
