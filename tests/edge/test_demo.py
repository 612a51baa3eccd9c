import io
from collections.abc import Callable

from rich.console import Console

from edge.config import MqttConfig
from edge.demo import LAST_ROWS, view
from edge.sim.play import TrueItem, Truth
from edge.sim.watch import Watch
from edge.wire.messages import Answer, BinDecision


def test_the_view_shows_numbers_and_bins_whole_in_80_columns(a_decision: Callable[..., BinDecision]) -> None:
    """Numbers of twelve digits, the longest names of bins and answers: only what really rides the belt is folded."""
    numbers = range(296_000_000_001, 296_000_000_001 + LAST_ROWS)
    truth = Truth(tuple(TrueItem(n, "hazardous", "fluorescent_lamp", 1000.0 * n) for n in numbers), 1e15)
    watch = Watch(MqttConfig(), "l1")
    for n in numbers:
        times = {"captured_t_ms": 1000.0 * n, "t_ms": 1000.0 * n + 123.4}
        watch.decisions.append(a_decision(item=n, seq=n, bin="recyclable", label="recyclable", **times))
        watch.answers.append(Answer(line="l1", boot="b", seq=n, item=n, bin="a", gate="g", outcome="expired"))

    console = Console(width=80, file=(shown := io.StringIO()))
    console.print(view(truth, watch))

    rows = [line.split() for line in shown.getvalue().splitlines() if "expired" in line]
    assert [int(row[0]) for row in rows] == list(numbers)
    assert all(row[-5:] == ["recyclable", "0.75", "recyclable", "expired", "123.4"] for row in rows)
    assert "…" not in shown.getvalue()
