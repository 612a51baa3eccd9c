from collections.abc import Callable
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.sim.play import TrueItem, Truth
from edge.sim.watch import SAME_ITEM_MS, Watch, match, score
from edge.wire.messages import Answer, BinDecision, Status, encode

TRUTH = Truth(
    tuple(
        TrueItem(number, label, "x", 1000.0 * number) for number, label in ((1, "paper"), (2, "metal"), (3, "paper"))
    ),
    5000.0,
)
Make = Callable[..., BinDecision]


@pytest.fixture
def about(a_decision: Make) -> Make:
    """A decision with this bin about what was at the line then."""

    def make(at_ms: float, bin_name: str, **fields: Any) -> BinDecision:
        return a_decision(captured_t_ms=at_ms, t_ms=at_ms + 20, bin=bin_name, **fields)

    return make


def test_decisions_belong_to_the_item_that_crossed_then(about: Make) -> None:
    """The nearest crossing in time, or none."""
    near, far = about(1100, "paper"), about(1000 + SAME_ITEM_MS + 1, "paper")

    matched = match(TRUTH, [near, far])

    assert matched == {1: [near], None: [far]}


def test_the_score_counts_right_wrong_double_and_missed(about: Make) -> None:
    """One right, one sent elsewhere and decided twice, one never decided."""
    decisions = [about(1010, "paper"), about(2010, "reject"), about(2020, "metal")]
    outcomes = ("fired", "fired", "expired")
    answers = [Answer(line="l1", boot="b", seq=1, item=1, bin="x", gate="g", outcome=outcome) for outcome in outcomes]

    result = score(TRUTH, decisions, answers)

    assert (result.items, result.decisions, result.right) == (3, 3, 1)
    assert (result.duplicates, result.missed) == (1, 1)
    assert (result.fired, result.expired) == (2, 1)
    assert result.latency_ms == {"p50": 20.0, "p99": 20.0}
    assert result.per_bin == {"paper": 1, "reject": 1, "metal": 1}


def test_nothing_decided_is_everything_missed() -> None:
    """No decisions, no figures, no error."""
    result = score(TRUTH, [], [])

    assert (result.decisions, result.missed, result.latency_ms) == (0, 3, {"p50": 0.0, "p99": 0.0})


def test_it_hears_decisions_answers_and_states(mosquitto: Any, listener: Any, about: Make, eventually: Any) -> None:
    """Over a real broker, each in its list."""
    decision = about(1000, "recyclable")
    answer = Answer(line="l1", boot="b", seq=1, item=1, bin="recyclable", gate="g", outcome="fired")

    with Watch(MqttConfig(host=mosquitto.host, port=mosquitto.port), "l1") as watch:
        listener.say("sortline/l1/decision/recyclable", encode(decision))
        listener.say("sortline/l1/answer", encode(answer))
        listener.say("sortline/l1/status", encode(Status(line="l1", boot="b", state="online")))
        eventually(lambda: watch.statuses)

    assert watch.decisions == [decision]
    assert watch.answers == [answer]
    assert watch.statuses == ["online"]
