"""The contest: proven candidates take turns on the same pictures, and the most modest of the fastest wins."""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import Variant
from edge.engine.runtimes import CUDA, Runner, Runtime, open_runner
from edge.engine.self_test import prove
from edge.engine.tuning import Tuning

ROUNDS = 9
"""Calls of each candidate; the median of so few tells 10 % apart."""
MARGIN = 1.1
"""A candidate entered later, with more threads, is taken only where it is faster by more than this: what it takes, the
camera lacks."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to compute."""

    runtime: Runtime
    variant: Variant
    tuning: Tuning

    def __str__(self) -> str:
        threads = "" if self.runtime == CUDA else f", {self.tuning}"
        return f"{self.runtime} {self.variant.precision}{threads}"


class Proven(NamedTuple):
    """An open candidate that passed the golden self-test."""

    runner: Runner
    took_ms: tuple[float, ...]
    """Of each golden picture, alone."""


class Contest:
    """The candidates for one bundle, in the order in which they were entered."""

    def __init__(self, bundle: Bundle) -> None:
        self.medians_ms: dict[Candidate, float] = {}
        """Of all that ever ran, what a picture took."""
        self._bundle = bundle
        self._open: dict[Candidate, Proven] = {}

    def enter(self, candidate: Candidate) -> None:
        """Open it and hold it against the golden answers. Raises ProviderError or BundleError."""
        runner = open_runner(candidate.runtime, self._bundle.members[candidate.variant.file], candidate.tuning)
        took_ms = prove(self._bundle, candidate.variant, runner)
        self._open[candidate] = Proven(runner, tuple(took_ms))
        self.medians_ms[candidate] = float(np.median(took_ms))

    def __len__(self) -> int:
        return len(self._open)

    def winner(self) -> tuple[Candidate, Proven]:
        """Time those that are open, close all but the winner. An only one wins without a race."""
        if len(self._open) > 1:
            self.medians_ms |= self._race()
        fastest_ms = min(self.medians_ms[candidate] for candidate in self._open)
        best = next(candidate for candidate in self._open if self.medians_ms[candidate] <= MARGIN * fastest_ms)
        self._open = {best: self._open[best]}
        return best, self._open[best]

    def _race(self) -> dict[Candidate, float]:
        """Taking turns: what else the machine does slows all of them alike."""
        inputs = self._bundle.golden(next(iter(self._open)).variant).inputs
        taken_ms: dict[Candidate, list[float]] = {candidate: [] for candidate in self._open}
        for number in range(ROUNDS):
            one = inputs[number % len(inputs)][None]
            for candidate, proven in self._open.items():
                started_ns = time.perf_counter_ns()
                proven.runner(one)
                taken_ms[candidate].append((time.perf_counter_ns() - started_ns) / 1e6)
        return {candidate: float(np.median(times)) for candidate, times in taken_ms.items()}
