import pytest

from edge.metrics import KEPT, Metrics, percentiles
from edge.wire.messages import Percentiles


def test_percentiles_are_those_of_the_figures() -> None:
    """Median and 99th percentile, zeros for nothing."""
    assert percentiles([float(value) for value in range(101)]) == Percentiles(50.0, 99.0)
    assert percentiles([7.0]) == Percentiles(7.0, 7.0)
    assert percentiles([]) == Percentiles(0.0, 0.0)


def test_times_are_taken_once() -> None:
    """Every stage's figures since the last time they were asked for, and nothing after that."""
    metrics = Metrics()
    metrics.took("publish", 1.0)
    metrics.took("publish", 3.0)
    with metrics.timed("presence"):
        pass

    taken = metrics.take_latencies()

    assert set(taken) == {"publish", "presence"}
    assert taken["publish"].p50 == 2.0
    assert metrics.take_latencies() == {}


def test_memory_is_bounded_to_the_newest_figures() -> None:
    """A line that nobody asks for figures keeps the newest ones."""
    metrics = Metrics()

    for value in range(KEPT + 100):
        metrics.took("wait", float(value))

    assert metrics.take_latencies()["wait"].p50 == pytest.approx(100 + KEPT / 2, abs=1)
