"""What a gate remembers: the decisions it has answered, and how often it lost its daemon. Pure and bounded."""

from collections import deque

REMEMBERED = 4096
"""Decisions that a gate remembers to have answered."""
TRIP_WINDOW_MS = 60_000.0


class Answered:
    """Which decisions need no second thought."""

    def __init__(self) -> None:
        self._accepted: dict[tuple[str, int], bool] = {}
        """(boot, seq) -> whether it was accepted, oldest first."""
        self._forgotten: tuple[str, int] = ("", -1)
        """Boot and highest seq that was accepted and is not remembered any more: from there down all are taken."""

    def __contains__(self, decision: tuple[str, int]) -> bool:
        boot, seq = self._forgotten
        return decision in self._accepted or (decision[0] == boot and decision[1] <= seq)

    def add(self, boot: str, seq: int, *, accepted: bool) -> None:
        """It is being answered now."""
        self._accepted[boot, seq] = accepted
        if len(self._accepted) > REMEMBERED:
            oldest = next(iter(self._accepted))
            if self._accepted.pop(oldest):
                same_boot = oldest[0] == self._forgotten[0]
                self._forgotten = max(self._forgotten, oldest) if same_boot else oldest


class Trips:
    """Counts; `limit` trips within `TRIP_WINDOW_MS` latch. A limit of 0 never does."""

    def __init__(self, limit: int) -> None:
        self.latched = False
        self._limit = limit
        self._at_ms: deque[float] = deque(maxlen=max(1, limit))

    def add(self, now_ms: float) -> None:
        """One more."""
        self._at_ms.append(now_ms)
        if len(self._at_ms) == self._limit and now_ms - self._at_ms[0] <= TRIP_WINDOW_MS:
            self.latched = True

    def reset(self) -> None:
        """Somebody has looked."""
        self.latched = False
        self._at_ms.clear()
