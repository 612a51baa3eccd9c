"""What a line says of itself: state when it changes, heartbeat and stats when they are due."""

import logging
import time
from datetime import UTC, datetime

from edge.belt.odometer import Odometer
from edge.config import Config, bin_of
from edge.metrics import Metrics
from edge.watchdog import ServiceNotifier
from edge.wire.messages import Heartbeat, Percentiles, State, Stats, Status
from edge.wire.publisher import Publisher

HEARTBEAT_S = 0.25
CHANGE_S = 0.02
"""A speed that changes all the time brings a heartbeat as often as this."""
SPEED_CHANGE = 0.005
"""Of the speed told last: beyond it, gates are told at once. A pulse more or less is as much of an encoder's speed."""
LEAST_CHANGE_MM_S = 5.0
"""And no less than that, of which gates are wrong by 1.3 mm when the next heartbeat comes."""
STATS_S = 10.0

log = logging.getLogger("sortline")


class Announcer:
    """Tells broker, systemd and journal. Its owner asks it to after every step of real work: it has no timer."""

    def __init__(
        self,
        config: Config,
        model: str,
        engine: str,
        labels: tuple[str, ...],
        boot: str,
        publisher: Publisher,
        metrics: Metrics,
        odometer: Odometer,
    ) -> None:
        self._config, self._model, self._engine, self._boot, self._odometer = config, model, engine, boot, odometer
        self._bins = tuple(sorted({bin_of(config, label) for label in labels} | {config.routing.reject}))
        self._publisher, self._metrics = publisher, metrics
        self._notifier = ServiceNotifier()
        self._status = self._make_status("stopped")
        self._started_s = time.monotonic()
        self._every_heartbeat, self._every_stats = Interval(HEARTBEAT_S), Interval(STATS_S)
        self._every_change = Interval(CHANGE_S)
        self._told_mm_s = odometer.speed_mm_s
        self._told_frames, self._told_s = 0, self._started_s

    def ready(self, reasons: tuple[str, ...]) -> None:
        """Sorting begins."""
        self._tell_status(reasons)
        self._notifier.ready(f"{self._config.line}: sorting with {self._model}")

    def progress(self, reasons: tuple[str, ...]) -> None:
        """A step of real work was done; `reasons` say why the line is degraded, if it is."""
        self._notifier.progress()
        self._tell_status(reasons)
        if self._every_heartbeat.due() or (self._speed_changed() and self._every_change.due()):
            self._tell_heartbeat()
        if self._every_stats.due():
            self._tell_stats()

    def stopping(self) -> None:
        """The line is going down on purpose."""
        self._notifier.stopping()

    def stopped(self, why: str) -> None:
        """Say the last word and leave the broker."""
        self._tell_stats()
        log.info("stopped why=%r frames=%d decisions=%d", why, self._metrics.frames, self._metrics.decisions.total())
        self._publisher.close(self._make_status("stopped", (why,)))

    def _speed_changed(self) -> bool:
        return is_news(self._odometer.speed_mm_s, self._told_mm_s)

    def _tell_heartbeat(self) -> None:
        now_ns = time.monotonic_ns()
        self._told_mm_s = self._odometer.speed_mm_s
        self._publisher.publish_heartbeat(
            Heartbeat(
                line=self._config.line,
                boot=self._boot,
                t_ms=round(now_ns / 1e6, 3),
                state=self._status.state,
                belt_mm=round(self._odometer.position_mm(now_ns), 2),
                speed_mm_s=round(self._told_mm_s, 3),
            )
        )

    def _tell_status(self, reasons: tuple[str, ...]) -> None:
        """Publish and log the state when it is not the one that was told last."""
        state: State = "degraded" if reasons else "online"
        if (state, reasons) == (self._status.state, self._status.reasons):
            return
        self._status = self._make_status(state, reasons)
        log.info("state %s reasons=%s", state, list(reasons))
        self._notifier.status(f"{state}: {'; '.join(reasons)}" if reasons else state)
        self._publisher.publish_status(self._status)

    def _make_status(self, state: State, reasons: tuple[str, ...] = ()) -> Status:
        return Status(
            line=self._config.line,
            boot=self._boot,
            state=state,
            reasons=reasons,
            model=self._model,
            engine=self._engine,
            bins=self._bins,
            since=datetime.now(UTC).isoformat("T", "milliseconds"),
        )

    def _tell_stats(self) -> None:
        latency_ms, metrics = self._metrics.take_latencies(), self._metrics
        now_s = time.monotonic()
        fps = (metrics.frames - self._told_frames) / max(now_s - self._told_s, 1e-9)
        self._told_frames, self._told_s = metrics.frames, now_s
        self._publisher.publish_stats(
            Stats(
                line=self._config.line,
                boot=self._boot,
                t_ms=round(now_s * 1000, 3),
                uptime_s=round(now_s - self._started_s, 1),
                fps=round(fps, 2),
                frames=metrics.frames,
                dropped_frames=metrics.dropped_frames,
                empty_frames=metrics.empty_frames,
                decisions=dict(metrics.decisions),
                reasons=dict(metrics.reasons),
                answers=dict(metrics.answers),
                unpublished=metrics.unpublished,
                latency_ms=latency_ms,
                latency_mm={stage: self._travel(times) for stage, times in latency_ms.items()},
                model=self._model,
            )
        )

    def _travel(self, times: Percentiles) -> Percentiles:
        mm_per_ms = abs(self._odometer.speed_mm_s) / 1000
        return Percentiles(round(times.p50 * mm_per_ms, 2), round(times.p99 * mm_per_ms, 2))


def is_news(speed_mm_s: float, told_mm_s: float) -> bool:
    """Whether gates must be told of this speed before the next heartbeat."""
    return abs(speed_mm_s - told_mm_s) > max(LEAST_CHANGE_MM_S, SPEED_CHANGE * abs(told_mm_s))


class Interval:
    """Says when something that is done every `seconds` is due; it is asked, it never calls."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next_s = time.monotonic() + seconds

    def due(self) -> bool:
        """Whether `seconds` have passed since the last time it was."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._seconds
        return True
