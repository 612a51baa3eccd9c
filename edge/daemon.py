"""The service: start everything or say why not, then frame after frame until told to stop, then leave cleanly."""

import logging
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from edge.bundle import Bundle, open_bundle
from edge.camera import Camera, Ended
from edge.classifier import open_classifier
from edge.config import Config, bin_of, check_routing, load_config
from edge.errors import CameraError
from edge.frames import Frame
from edge.ledger import Ledger
from edge.line import Line, Model
from edge.messages import Answer, Heartbeat, Percentiles, State, Stats, Status
from edge.metrics import Metrics
from edge.publisher import Publisher
from edge.watchdog import ServiceNotifier

HEARTBEAT_S = 0.25
STATS_S = 10.0
FRAME_WAIT_S = 0.05
"""Longest wait for a frame: the heartbeat is due between two of them."""
CAMERA_PAUSE_S = 2.0
"""Before a camera that failed is started again."""

log = logging.getLogger("sortline")


def run(config_path: Path) -> None:
    """Sort until SIGTERM or the end of a recording.

    Raises ConfigError, BundleError, ProviderError, BrokerError or CameraError when it cannot start.
    """
    config = load_config(config_path)
    bundle = open_bundle(Path(config.bundle))
    check_routing(config_path, config, bundle.manifest.labels)
    stop = _stop_on_signals()
    answers: Counter[str] = Counter()
    boot = token_hex(8)
    with Camera(config.camera) as camera, Ledger(Path(config.ledger.path), config.ledger.rows) as ledger:
        model = open_model(config, bundle)

        def on_answer(answer: Answer) -> None:
            answers[answer.outcome] += 1
            ledger.answer(answer)

        with Publisher(config.mqtt, config.line, boot, on_answer=on_answer) as publisher:
            publisher.connect()
            metrics = Metrics()
            line = Line(config, model, boot, ledger, publisher, metrics)
            Service(config, model, boot, camera, line, ledger, publisher, metrics, answers, stop).serve()


def open_model(config: Config, bundle: Bundle) -> Model:
    """The bundle's variant that the line's [engine] asks for, on the provider that it asks for."""
    manifest, engine = bundle.manifest, config.engine
    variant = bundle.variant(engine.precision)
    classifier = open_classifier(bundle, variant, engine.provider, engine.threads)
    return Model(f"{manifest.id}/{variant.precision}", manifest.labels, manifest.input.size, classifier)


def utc_now() -> str:
    """ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat("T", "milliseconds")


class Service:
    """The main loop: everything that says "alive" is said by it, after a frame or a look at the camera, by no timer."""

    def __init__(
        self,
        config: Config,
        model: Model,
        boot: str,
        camera: Camera,
        line: Line,
        ledger: Ledger,
        publisher: Publisher,
        metrics: Metrics,
        answers: Counter[str],
        stop: threading.Event,
    ) -> None:
        self._config, self._model, self._boot = config, model, boot
        self._camera, self._line, self._ledger, self._publisher = camera, line, ledger, publisher
        self._metrics, self._answers, self._stop = metrics, answers, stop
        self._notifier = ServiceNotifier()
        self._status = self._make_status("stopped")
        self._camera_problem = ""
        self._camera_again_s = 0.0
        self._started_s = time.monotonic()
        self._every_heartbeat = Interval(HEARTBEAT_S)
        self._every_stats = Interval(STATS_S)
        self._told_frames, self._told_s = 0, self._started_s

    def serve(self) -> None:
        """Handle frames until stopped or the recording ends."""
        why = "signal"
        try:
            self._learn_belt()
            self._tell_status()
            self._notifier.ready(f"{self._config.line}: sorting with {self._model.name}")
            while not self._stop.is_set():
                if frame := self._next_frame():
                    self._line.handle(frame)
                self._tell()
        except Ended:
            why = "end of recording"
        self._notifier.stopping()
        self._line.abandon("stopping")
        self._tell_stats()
        log.info("stopped why=%r frames=%d decisions=%d", why, self._metrics.frames, self._metrics.decisions.total())
        self._publisher.close(self._make_status("stopped", (why,)))

    def _learn_belt(self) -> None:
        """Handle the first frames, until items can be told from the belt.

        A camera that delivers none is an error at the door, not a degraded state.
        """
        while not (self._stop.is_set() or self._line.ready):
            if frame := self._camera.newest(FRAME_WAIT_S):
                self._line.handle(frame)

    def _next_frame(self) -> Frame | None:
        if self._camera_problem and time.monotonic() < self._camera_again_s:
            self._stop.wait(FRAME_WAIT_S)
            return None
        try:
            if self._camera_problem and not self._camera.running:
                self._camera.start()
            frame = self._camera.newest(FRAME_WAIT_S)
        except CameraError as error:
            self._lose_camera(error)
            return None
        if frame:
            self._camera_problem = ""
        return frame

    def _lose_camera(self, error: CameraError) -> None:
        self._camera.stop()
        self._line.abandon("camera-fault")
        if not self._camera_problem:
            log.error("camera-fault %s", error)
        self._camera_problem = f"camera-fault: {error}"
        self._camera_again_s = time.monotonic() + CAMERA_PAUSE_S

    def _tell(self) -> None:
        self._notifier.progress()
        self._tell_status()
        if self._every_heartbeat.due():
            self._ledger.flush()
            now_ms = time.monotonic_ns() / 1e6
            self._publisher.publish_heartbeat(
                Heartbeat(line=self._config.line, boot=self._boot, t_ms=round(now_ms, 3), state=self._status.state)
            )
        if self._every_stats.due():
            self._tell_stats()

    def _tell_status(self) -> None:
        """Publish and log the state when it is not the one that was told last."""
        reasons = self._reasons()
        state: State = "degraded" if reasons else "online"
        if (state, reasons) == (self._status.state, self._status.reasons):
            return
        self._status = self._make_status(state, reasons)
        log.info("state %s reasons=%s", state, list(reasons))
        self._notifier.status(f"{state}: {'; '.join(reasons)}" if reasons else state)
        self._publisher.publish_status(self._status)

    def _reasons(self) -> tuple[str, ...]:
        blocked = ("blocked-view",) if self._line.blocked else ()
        camera = (self._camera_problem,) if self._camera_problem else ()
        return camera + blocked + self._ledger.problems + self._publisher.problems

    def _make_status(self, state: State, reasons: tuple[str, ...] = ()) -> Status:
        bins = {bin_of(self._config, label) for label in self._model.labels} | {self._config.routing.reject}
        return Status(
            line=self._config.line,
            boot=self._boot,
            state=state,
            reasons=reasons,
            model=self._model.name,
            bins=tuple(sorted(bins)),
            since=utc_now(),
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
                decisions=dict(metrics.decisions),
                reasons=dict(metrics.reasons),
                answers=dict(self._answers),
                unpublished=metrics.unpublished,
                latency_ms=latency_ms,
                latency_mm={stage: self._travel(times) for stage, times in latency_ms.items()},
                model=self._model.name,
            )
        )

    def _travel(self, times: Percentiles) -> Percentiles:
        mm_per_ms = self._config.belt.speed_mm_s / 1000
        return Percentiles(round(times.p50 * mm_per_ms, 2), round(times.p99 * mm_per_ms, 2))


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


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
