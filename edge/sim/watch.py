"""Watches a plant over MQTT and holds what was decided and fired against what really rode the belt."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from edge.config import MqttConfig
from edge.metrics import percentiles
from edge.sim.play import TrueItem, Truth
from edge.wire.messages import Answer, BinDecision, Status, decode, topic
from edge.wire.mqtt import Connection
from edge.wire.mqtt_session import Arrival

SAME_ITEM_MS = 225.0
"""A decision this near to an item's true crossing is about that item: half of the least time between two items."""


@dataclass(frozen=True)
class Score:
    """What a plant did, item by item."""

    items: int
    decisions: int
    duplicates: int
    """Decisions beyond the first for an item, or for none."""
    missed: int
    """Items without a decision."""
    right: int
    """Items whose first decision sends them to the bin of their true class."""
    fired: int
    expired: int
    latency_ms: dict[str, float]
    """Capture to PUBLISH: p50, p99."""
    per_bin: dict[str, int]
    reasons: dict[str, int]


@dataclass
class Watch:
    """Collects decisions and answers; its lists grow on the connection's thread."""

    broker: MqttConfig
    line: str
    decisions: list[BinDecision] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    """States of the retained status topic, in the order in which they came."""
    changed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        topics = tuple(topic(self.line, *levels) for levels in (("decision", "+"), ("answer",), ("status",)))
        self._connection = Connection(self.broker, f"watch-{self.line}", topics=topics, on_message=self._receive)

    def __enter__(self) -> Self:
        """Connected and subscribed. Raises BrokerError."""
        self._connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _receive(self, arrival: Arrival) -> None:
        kind, payload = arrival.topic.split("/")[2], arrival.payload
        if kind == "decision":
            self.decisions.append(decode(payload, BinDecision))
        elif kind == "answer":
            self.answers.append(decode(payload, Answer))
        else:
            self.statuses.append(decode(payload, Status).state)
        self.changed.set()


def match(truth: Truth, decisions: list[BinDecision]) -> dict[int | None, list[BinDecision]]:
    """Item number -> the decisions about it, in order; decisions about no item are under None."""
    matched: dict[int | None, list[BinDecision]] = {}
    for decision in decisions:
        nearest = min(truth.items, key=lambda item: abs(item.crosses_t_ms - decision.captured_t_ms))
        near = abs(nearest.crosses_t_ms - decision.captured_t_ms) <= SAME_ITEM_MS
        matched.setdefault(nearest.number if near else None, []).append(decision)
    return matched


def score(truth: Truth, decisions: list[BinDecision], answers: list[Answer]) -> Score:
    """Hold decisions and answers against the truth."""
    matched = match(truth, decisions)
    outcomes = Counter(answer.outcome for answer in answers)
    latency = percentiles([decision.t_ms - decision.captured_t_ms for decision in decisions])
    seen = [item for item in truth.items if item.number in matched]
    return Score(
        items=len(truth.items),
        decisions=len(decisions),
        duplicates=len(decisions) - len(seen),
        missed=len(truth.items) - len(seen),
        right=sum(is_right(item, matched[item.number][0]) for item in seen),
        fired=outcomes["fired"],
        expired=outcomes["expired"],
        latency_ms={"p50": latency.p50, "p99": latency.p99},
        per_bin=dict(Counter(decision.bin for decision in decisions)),
        reasons=dict(Counter(decision.reason for decision in decisions)),
    )


def is_right(item: TrueItem, decision: BinDecision) -> bool:
    """Whether the item was sent to the bin of its true class."""
    return decision.bin == item.label
