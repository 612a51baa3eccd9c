"""Whose decisions count: one run of the daemon at a time, whether it lives, and what its clock and belt read. Pure."""

import math
from collections import deque

from edge.gate.clock import DaemonClock
from edge.wire.messages import Heartbeat

HEARTBEAT_MS = 250.0
MISSED = 3
"""So many heartbeats missing: nobody is sorting."""
SILENCE_MS = HEARTBEAT_MS * MISSED
OLD_BOOTS = 16


class Sender:
    """The current boot. All `now_ms` are on the gate's own monotonic clock."""

    def __init__(self) -> None:
        self.boot: str | None = None
        """None: nobody has been heard."""
        self.clock = DaemonClock()
        self._heard_ms: float | None = None
        """Last sign of life of the current boot; None: it is known to be gone."""
        self._old_boots: deque[str] = deque(maxlen=OLD_BOOTS)

    @property
    def alive(self) -> bool:
        """Whether it was not known to be gone when it was looked at last."""
        return self._heard_ms is not None

    @property
    def silent_at_ms(self) -> float:
        """When a daemon that says nothing more is taken to be gone; infinite when it is known to be."""
        return math.inf if self._heard_ms is None else self._heard_ms + SILENCE_MS

    def silent(self, now_ms: float) -> bool:
        """Whether nobody sorts now."""
        return self._heard_ms is None or now_ms > self.silent_at_ms

    def was(self, boot: str) -> bool:
        """Whether this boot was replaced: it never comes back."""
        return boot in self._old_boots

    def follow(self, boot: str) -> None:
        """From now on this one counts, and what was known of the one before does not."""
        if self.boot is not None:
            self._old_boots.append(self.boot)
        self.boot, self.clock, self._heard_ms = boot, DaemonClock(), None

    def hear(self, beat: Heartbeat, now_ms: float) -> None:
        """A heartbeat of the current boot; one that was long on its way is no sign of life now."""
        sent_ms = self.clock.hear(beat, now_ms)
        if now_ms - sent_ms <= SILENCE_MS:
            self.live(max(sent_ms, self._heard_ms or sent_ms))

    def live(self, at_ms: float) -> None:
        """It lived then."""
        self._heard_ms = at_ms

    def lose(self) -> None:
        """It is gone."""
        self._heard_ms = None
