"""What a gate knows of the daemon's clock and of the belt, from its messages alone: no clocks are synchronised.

Pure, like the rules that use it.
"""

import math
from typing import NamedTuple

from edge.wire.messages import BinDecision, Heartbeat

DRIFT = 500e-6
"""So fast two clocks come apart at most: what NTP slews one by (RFC 5905), and quartzes differ by less. An offset that
seems to grow faster is a network that has become slow."""


class Window(NamedTuple):
    """When a movement may begin, on the gate's own clock. Infinite both while the belt stands."""

    at_ms: float
    until_ms: float
    """From here on it must not happen any more."""


class Belt(NamedTuple):
    """The odometer as a heartbeat gave it."""

    t_ms: float
    mm: float
    speed_mm_s: float


class DaemonClock:
    """One boot's clock and odometer."""

    def __init__(self) -> None:
        self._offset_ms = math.inf
        self._known_ms = 0.0
        self._belt: Belt | None = None
        self._newest_t_ms = -math.inf

    @property
    def offset_ms(self) -> float | None:
        """Own clock minus the daemon's, too large by the shortest delay seen and `DRIFT` since; None while unknown."""
        return self._offset_ms if math.isfinite(self._offset_ms) else None

    def hear(self, beat: Heartbeat, now_ms: float) -> float:
        """Learn from a heartbeat that arrived now; returns when it was sent, on the own clock, at the latest now."""
        self._offset_ms, self._known_ms = self._offset_ms + (now_ms - self._known_ms) * DRIFT, now_ms
        self.learn(beat.t_ms, now_ms)
        if beat.t_ms > self._newest_t_ms:
            self._newest_t_ms = beat.t_ms
            if self._belt or beat.belt_mm or beat.speed_mm_s:
                self._belt = Belt(beat.t_ms, beat.belt_mm, beat.speed_mm_s)
        return beat.t_ms + self._offset_ms

    def learn(self, t_ms: float, now_ms: float) -> None:
        """Something arrived now that was sent at `t_ms`, so the offset is no larger than that."""
        if now_ms - t_ms <= self._offset_ms:
            self._offset_ms, self._known_ms = now_ms - t_ms, now_ms

    def window(self, decision: BinDecision) -> Window:
        """When the item is at the gate: by the belt where it is known, else by the decision's times.

        Something was learnt before, at the least from this decision: then its times count from its arrival.
        """
        if self._belt is None or decision.reach_mm <= 0:
            return Window(decision.act_t_ms + self._offset_ms, decision.t_ms + decision.valid_ms + self._offset_ms)
        end_mm = decision.act_mm + decision.reach_mm
        if self._belt.speed_mm_s <= 0:
            return Window(math.inf, math.inf if end_mm > self._belt.mm else -math.inf)
        dead_ms = decision.dead_ms
        return Window(self._when_ms(self._belt, decision.act_mm) - dead_ms, self._when_ms(self._belt, end_mm) - dead_ms)

    def _when_ms(self, belt: Belt, mm: float) -> float:
        return belt.t_ms + (mm - belt.mm) / belt.speed_mm_s * 1000 + self._offset_ms
