from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from edge.wire.messages import Answer, BinDecision, Heartbeat, Message, Percentiles, Stats, Status, encode, topic

EVERY_TYPE: dict[type[Message], dict[str, Any]] = {
    Answer: {"seq": 1, "item": 2, "bin": "a", "gate": "g", "outcome": "fired", "error_ms": 0.5},
    Heartbeat: {"t_ms": 1.5, "state": "online"},
    Status: {"state": "degraded", "reasons": ("broker-away",), "model": "m", "bins": ("a", "b"), "since": "now"},
    Stats: {
        "t_ms": 1.0,
        "uptime_s": 2.0,
        "fps": 30.0,
        "frames": 60,
        "dropped_frames": 1,
        "decisions": {"a": 3},
        "reasons": {"classified": 3},
        "answers": {"fired": 3},
        "unpublished": 0,
        "latency_ms": {"inference": Percentiles(20.0, 30.0)},
        "latency_mm": {"inference": Percentiles(6.0, 9.0)},
        "model": "m",
    },
}


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_comes_back_as_it_was_sent(kind: type[Message]) -> None:
    """What one end encodes the other end decodes to the same value."""
    message = kind(line="l1", boot="b1", **EVERY_TYPE[kind])

    received = msgspec.json.decode(encode(message), type=kind)

    assert received == message


def test_decision_comes_back_as_it_was_sent(a_decision: Callable[..., BinDecision]) -> None:
    """A decision without a label, as a blocked view gives, survives the wire."""
    decision = a_decision(reason="blocked-view", label=None, confidence=None, probabilities=None)

    received = msgspec.json.decode(encode(decision), type=BinDecision)

    assert received == decision


def test_minor_version_may_add_fields(a_decision: Callable[..., BinDecision]) -> None:
    """A consumer of 1.0 reads a later 1.x with fields that it does not know."""
    later = {**msgspec.json.decode(encode(a_decision())), "schema": "1.7", "height_mm": 12.5}

    received = msgspec.json.decode(msgspec.json.encode(later), type=BinDecision)

    assert (received.schema, received.seq) == ("1.7", 1)


@pytest.mark.parametrize("missing", ["seq", "boot", "valid_ms", "bin", "t_ms"])
def test_incomplete_decision_is_no_decision(a_decision: Callable[..., BinDecision], missing: str) -> None:
    """A decision that lacks what a gate needs cannot be decoded, and the error names the field."""
    fields = msgspec.json.decode(encode(a_decision()))
    del fields[missing]

    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.json.decode(msgspec.json.encode(fields), type=BinDecision)


def test_message_cannot_be_changed() -> None:
    """Messages move one way, and nobody alters what it was handed."""
    beat = Heartbeat(line="l1", boot="b1", t_ms=1.0, state="online")

    with pytest.raises(AttributeError):
        beat.t_ms = 2.0  # type: ignore[misc]


def test_topic() -> None:
    """A decision's topic is the one of the README's table."""
    assert topic("l1", "decision", "recyclable") == "sortline/l1/decision/recyclable"
