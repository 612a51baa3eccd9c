"""The odometer: how far the belt has travelled at a moment, and when it will have travelled so far."""

from bisect import bisect_right
from itertools import islice
from typing import NamedTuple

KEPT_NS = 60_000_000_000
"""History is kept for so long: longer than any frame, command or ride to a gate."""
SMOOTH_NS = 200_000_000
"""Speeds told so close together sample a smooth course, which lies between them (trapezoid rule: a ramp is integrated
without error). After a longer silence a speed is news: the belt took it when it was told."""
SLOPE_NS = 200_000_000
"""The speed of counted travel is its slope over at most so long,"""
SLOPE_GRAINS = 200
"""or over so many times what a count may be off by: one pulse more or less is half a percent of the speed then, and a
fast belt's speed is known sooner after it has changed."""


class Knot(NamedTuple):
    """Where the belt was at one moment."""

    t_ns: int
    mm: float


class Odometer:
    """Belt travel in mm since it was made, over the monotonic clock: straight lines between readings.

    Beyond the newest reading the belt runs on at the newest speed; before the first it ran at the first. Without any
    reading that is the configured speed. One thread owns it.
    """

    def __init__(self, speed_mm_s: float, now_ns: int) -> None:
        """It reads 0 at `now_ns`."""
        self.speed_mm_s = speed_mm_s
        """The newest speed: 0 while the belt stands, negative while it runs backwards."""
        self.read_ns: int | None = None
        """Time of the newest reading."""
        self._first_mm_s = speed_mm_s
        self._knots = [Knot(now_ns, 0.0)]
        self._counter_zero_mm: float | None = None
        """What the odometer read where the counter of `read_travel` would read 0."""

    def position_mm(self, t_ns: int) -> float:
        """What it read, or will read if the speed stays, at `t_ns`."""
        after = bisect_right(self._knots, t_ns, key=lambda knot: knot.t_ns)
        if after == 0:
            return _reached_mm(self._knots[0], self._first_mm_s, t_ns)
        before = self._knots[after - 1]
        if after == len(self._knots):
            return _reached_mm(before, self.speed_mm_s, t_ns)
        return _reached_mm(before, _slope_mm_s(before, self._knots[after]), t_ns)

    def when_ns(self, position_mm: float) -> int | None:
        """When it reads `position_mm`, or when it last came to read that; None: the belt does not get there.

        What lies before the kept history is told from the speed at its beginning.
        """
        newest = self._knots[-1]
        if position_mm > newest.mm:
            return _reached_ns(newest, self.speed_mm_s, position_mm) if self.speed_mm_s > 0 else None
        for before, after in zip(self._knots[-2::-1], self._knots[::-1], strict=False):
            if before.mm < position_mm <= after.mm:
                return _reached_ns(before, _slope_mm_s(before, after), position_mm)
        return _reached_ns(self._knots[0], self._first_mm_s, position_mm)

    def read_speed(self, t_ns: int, speed_mm_s: float) -> None:
        """The belt was measured to run at `speed_mm_s` at `t_ns`; a reading older than the newest is no news."""
        newest = self._knots[-1]
        if t_ns < newest.t_ns:
            return
        smooth = t_ns - newest.t_ns <= SMOOTH_NS
        mean_mm_s = (self.speed_mm_s + speed_mm_s) / 2 if smooth else self.speed_mm_s
        self._append(Knot(t_ns, _reached_mm(newest, mean_mm_s, t_ns)))
        self.speed_mm_s = speed_mm_s

    def read_travel(self, t_ns: int, mm: float, grain_mm: float) -> None:
        """An encoder had counted `mm` of travel at `t_ns`, since a zero of its own; the first reading finds that zero.

        It counts in steps of `grain_mm`. A reading that is not newer than the newest is no news.
        """
        if t_ns <= self._knots[-1].t_ns:
            return
        if self._counter_zero_mm is None:
            self._counter_zero_mm = self.position_mm(t_ns) - mm
        self._append(Knot(t_ns, self._counter_zero_mm + mm))
        self.speed_mm_s = self._slope_mm_s(SLOPE_GRAINS * grain_mm)

    def restart_counter(self) -> None:
        """The encoder has lost its count: its next reading finds a new zero, and the belt ran on meanwhile."""
        self._counter_zero_mm = None

    def _slope_mm_s(self, enough_mm: float) -> float:
        """Of the newest readings, as many as show so much travel."""
        newest = since = self._knots[-1]
        for since in islice(reversed(self._knots), 1, None):
            if newest.t_ns - since.t_ns >= SLOPE_NS or abs(newest.mm - since.mm) >= enough_mm:
                break
        return _slope_mm_s(since, newest)

    def _append(self, knot: Knot) -> None:
        self._knots.append(knot)
        self.read_ns = knot.t_ns
        while len(self._knots) > 2 and self._knots[1].t_ns < knot.t_ns - KEPT_NS:
            self._first_mm_s = _slope_mm_s(self._knots[0], self._knots[1])
            del self._knots[0]


def _slope_mm_s(start: Knot, end: Knot) -> float:
    return (end.mm - start.mm) / (end.t_ns - start.t_ns) * 1e9 if end.t_ns > start.t_ns else 0.0


def _reached_mm(start: Knot, speed_mm_s: float, t_ns: int) -> float:
    return start.mm + speed_mm_s * (t_ns - start.t_ns) / 1e9


def _reached_ns(start: Knot, speed_mm_s: float, position_mm: float) -> int:
    """When a belt at `speed_mm_s` that was at `start` is at `position_mm`; a belt that stood has always been there."""
    return start.t_ns + round((position_mm - start.mm) / speed_mm_s * 1e9) if speed_mm_s > 0 else start.t_ns
