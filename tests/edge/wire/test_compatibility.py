"""The goldens: one message per type and version of the wire format, as it was sent; what is released never changes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from edge.wire.messages import SCHEMA
from edge.wire.schemas import CHANNELS, json_schema

GOLDENS = Path(__file__).parent / "goldens"
TYPES = {channel.name: channel.message for channel in CHANNELS}


def version(folder: Path) -> tuple[int, ...]:
    """(major, minor)."""
    return tuple(int(number) for number in folder.name.split("."))


VERSIONS = sorted((folder for folder in GOLDENS.iterdir() if folder.is_dir()), key=version)
EVERY_GOLDEN = [golden for folder in VERSIONS for golden in sorted(folder.glob("*.json"))]
LATER = [
    (schema, golden)
    for folder in VERSIONS
    for schema in sorted(folder.glob("schemas/*.schema.json"))
    for golden in EVERY_GOLDEN
    if golden.stem == schema.name.removesuffix(".schema.json") and version(golden.parent) >= version(folder)
]


def named(value: Any) -> str:
    """1.0/decision.json."""
    return f"{value.parent.name}-{value.name}"


@pytest.mark.parametrize(("schema", "golden"), LATER, ids=named)
def test_an_older_consumer_reads_every_later_minor_version(schema: Path, golden: Path) -> None:
    """A gate that validates against the schemas of its own day takes what a daemon of a later 1.x sends."""
    jsonschema.validate(json.loads(golden.read_text()), json.loads(schema.read_text()))


@pytest.mark.parametrize("golden", EVERY_GOLDEN, ids=named)
def test_today_reads_every_older_message(golden: Path) -> None:
    """A daemon takes the answers of gates that were built years ago, and a gate of today an old daemon's decisions."""
    message = msgspec.json.decode(golden.read_bytes(), type=TYPES[golden.stem])

    read = json.loads(msgspec.json.encode(message))
    sent = json.loads(golden.read_text())
    assert {name: read[name] for name in sent} == sent


@pytest.mark.parametrize("name", TYPES)
def test_todays_version_has_a_golden_of_every_message(name: str) -> None:
    """Whoever changes a message writes its golden anew, and whoever has released one begins a new version."""
    golden = json.loads((GOLDENS / SCHEMA / f"{name}.json").read_text())

    message = msgspec.convert(golden, TYPES[name])

    assert json.loads(msgspec.json.encode(message)) == golden
    jsonschema.validate(golden, json_schema(TYPES[name]))


@pytest.mark.parametrize("name", TYPES)
def test_nothing_is_removed_or_closed_within_a_major_version(name: str) -> None:
    """Every field of an older schema is still there, of the same kind, and an open list of words stays open."""
    today = json_schema(TYPES[name])["properties"]

    for folder in VERSIONS:
        path = folder / "schemas" / f"{name}.schema.json"
        before = json.loads(path.read_text())["properties"] if path.exists() else {}
        assert set(before) <= set(today)
        assert {field for field in before if "enum" in today[field]} <= {f for f in before if "enum" in before[f]}
