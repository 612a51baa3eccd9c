import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge.wire.messages import BinDecision, encode
from edge.wire.schemas import CHANNELS, json_schema, write_schemas

COMMITTED = Path(__file__).parents[3] / "schemas"


def test_the_committed_schemas_are_those_of_the_message_types(tmp_path: Path) -> None:
    """Whoever changes a message changes schemas/ with it: python -m edge schemas schemas."""
    written = write_schemas(tmp_path)

    assert {path.name: path.read_text() for path in written} == {p.name: p.read_text() for p in COMMITTED.iterdir()}


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_every_schema_is_one_of_2020_12_and_explains_its_fields(channel: Any) -> None:
    """A program can read it, and a person learns units from it."""
    schema = json_schema(channel.message)

    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["description"]
    assert any("description" in field for field in schema["properties"].values())


@pytest.mark.parametrize(
    "wrong",
    [{"schema": "2.0"}, {"seq": "7"}, {"reason": 3}, {"act_t_ms": None}, {"bin": 3}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_decision_with_a_wrong_field_does_not_pass(
    a_decision: Callable[..., BinDecision], wrong: dict[str, Any]
) -> None:
    """A consumer that validates is protected from another major version and from broken fields."""
    right = json.loads(encode(a_decision()))
    schema = json_schema(BinDecision)

    jsonschema.validate(right, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**right, **wrong}, schema)


def test_later_minor_versions_pass(a_decision: Callable[..., BinDecision]) -> None:
    """A consumer of 1.0 reads 1.7 with fields and reasons that it does not know."""
    later = {**json.loads(encode(a_decision())), "schema": "1.7", "weight_g": 12.5, "reason": "too-heavy"}

    jsonschema.validate(later, json_schema(BinDecision))
