"""What the daemon counts and times on the way of a frame."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from edge.wire.messages import Percentiles

KEPT = 4096
"""Newest figures of a stage that are kept between two stats messages."""


class Metrics:
    """Counts since the start, times since they were last taken. Written by the frame's thread alone."""

    def __init__(self) -> None:
        self.frames = 0
        self.dropped_frames = 0
        self.empty_frames = 0
        self.unpublished = 0
        self.decisions: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        """By outcome; written by the connection's thread alone."""
        self._times_ms: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time the block as one passage through `stage`."""
        started = time.perf_counter_ns()
        yield
        self.took(stage, (time.perf_counter_ns() - started) / 1e6)

    def took(self, stage: str, milliseconds: float) -> None:
        """Note one passage through `stage`."""
        times = self._times_ms[stage]
        times.append(milliseconds)
        del times[:-KEPT]

    def take_latencies(self) -> dict[str, Percentiles]:
        """The percentiles of every stage since the last call, in ms."""
        taken = {stage: percentiles(times) for stage, times in self._times_ms.items() if times}
        self._times_ms.clear()
        return taken


def percentiles(values: list[float]) -> Percentiles:
    """Median and 99th percentile; zeros for no values."""
    p50, p99 = np.percentile(values, (50, 99)) if values else (0.0, 0.0)
    return Percentiles(round(float(p50), 3), round(float(p99), 3))
