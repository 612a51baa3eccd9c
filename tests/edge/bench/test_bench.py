from edge.bench.bench import table
from edge.bench.latency import spread


def test_the_table_marks_what_is_beyond_its_target() -> None:
    """At most so much time and memory, at least so much of the bare runtime's rate; groups show their parts."""
    figures = {
        "engine": "onnxruntime-cpu int8",
        "median above bare, ms": 1.5,
        "share of bare": 0.7,
        "memory": {"daemon, MB": 160.0, "highest, MB": 310.0},
        "stages, ms": {"wait": {"p50": 0.4}},
    }

    lines = [" ".join(line.split()) for line in table(figures)]

    assert lines == [
        "engine onnxruntime-cpu int8",
        "median above bare, ms 1.5 (target 2)",
        "share of bare 0.7 * (target 0.95)",
        "memory daemon, MB 160.0 highest, MB 310.0 * (target 300)",
        "stages, ms",
        "wait p50 0.4",
    ]


def test_a_tail_is_told_beside_the_median() -> None:
    """The share of one frame in a thousand shows where something else held the line up."""
    assert spread([1.0] * 999 + [11.0]) == {"p50": 1.0, "p99": 1.0, "p99.9": 1.01}
