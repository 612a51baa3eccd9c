"""A virtual clock and what is to happen on it: a run takes no longer than its work, and repeats itself exactly."""

import heapq
import itertools
from collections.abc import Callable

START_NS = 1_000_000_000_000
"""What the clock reads at scene time 0: any monotonic clock has run for a while."""


class Clock:
    """Time stands still but for `run`, which goes from one planned happening to the next."""

    def __init__(self) -> None:
        self._ns = START_NS
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def now_ns(self) -> int:
        """Nanoseconds, as of a monotonic clock."""
        return self._ns

    @property
    def now_s(self) -> float:
        """Scene time."""
        return scene_s(self._ns)

    def work_ms(self, milliseconds: float) -> None:
        """Whoever acts now needs so long for it."""
        self._ns += round(milliseconds * 1e6)

    def at_ns(self, at_ns: int, act: Callable[[], None]) -> None:
        """Plan `act`; what is planned for the same moment happens in the order of planning."""
        heapq.heappush(self._plans, (at_ns, next(self._order), act))

    def at_s(self, at_s: float, act: Callable[[], None]) -> None:
        """As `at_ns`, in scene time."""
        self.at_ns(monotonic_ns(at_s), act)

    def run(self, until_s: float) -> None:
        """Let all happen that is planned up to scene time `until_s`."""
        end_ns = monotonic_ns(until_s)
        while self._plans and self._plans[0][0] <= end_ns:
            self._ns, _, act = heapq.heappop(self._plans)
            act()
        self._ns = end_ns


def scene_s(ns: int) -> float:
    """Scene time of a reading of the clock."""
    return (ns - START_NS) / 1e9


def monotonic_ns(at_s: float) -> int:
    """The clock's reading at a scene time."""
    return START_NS + round(at_s * 1e9)
