"""The real line, ledger and gates between a rendered belt and the truth, on a virtual clock and without a network."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge.announcer import CHANGE_S, HEARTBEAT_S, is_news
from edge.belt.watch import BeltWatch
from edge.camera.frames import Frame, shared_memory_folder
from edge.classifier import Classifier, Probabilities
from edge.decision.voting import Model
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics
from edge.preprocess import Image
from edge.sim.bench_settings import LINE, BenchSettings, line_config
from edge.sim.clock import Clock, monotonic_ns
from edge.sim.notes import Notes
from edge.sim.scene import Scene
from edge.sim.scoring import Verdict
from edge.sim.video import Video
from edge.sim.wire import Wire
from edge.wire.inputs import Inputs
from edge.wire.messages import BeltReading, BinDecision, Heartbeat

BOOT = "sim"
TEACH_S = 2.0
"""The line looks at the empty belt for so long before scene time 0."""
SETTLE_MM = 400.0
"""Belt that runs on when the last item is at the farthest gate."""


@dataclass(frozen=True)
class Played:
    """What a run did."""

    verdicts: list[Verdict]
    frames: int
    frames_skipped: int


def play(settings: BenchSettings, model: Model, scene: Scene | Video, teach_s: float = TEACH_S) -> Played:
    """Let a scene ride past the line, and its items to their gates, after `teach_s` of what is before its beginning."""
    with tempfile.TemporaryDirectory(prefix="sortline-sim-", dir=shared_memory_folder()) as folder:
        config = line_config(settings, model.labels, str(Path(folder) / "ledger.db"))
        with Ledger(Path(config.ledger.path), config.ledger.rows) as ledger:
            return _Run(settings, model, scene, teach_s, ledger).play()


class _Run:
    """One run; everything happens on its clock."""

    def __init__(
        self, settings: BenchSettings, model: Model, scene: Scene | Video, teach_s: float, ledger: Ledger
    ) -> None:
        self._settings, self._scene, self._ledger, self._teach_s = settings, scene, ledger, teach_s
        self._clock = clock = Clock()
        clock.run(-teach_s)
        self._config = line_config(settings, model.labels, "")
        self._rng = np.random.default_rng([settings.scene.seed, 7])
        self._inputs = Inputs(self._config, clock.now_ns)
        slow = replace(model, classifier=self._timed(model.classifier))
        belt = BeltWatch(self._config, ledger.next_seq, clock.now_ns, self._inputs)
        self._line = Line(self._config, slow, BOOT, ledger, self, Metrics(), belt, clock.now_ns)
        self._notes = Notes(self._config, scene.motion, belt.odometer, clock)
        bins, seed = tuple(self._config.gates), settings.scene.seed
        self._wire = Wire(LINE, bins, clock, settings.network_ms, seed, ledger.answer, self._notes.moved)
        self._free_ns = self._came_ns = clock.now_ns()
        self._waiting: int | None = None
        self._frames = self._skipped = 0
        self._told_ns, self._told_mm_s = 0, math.nan

    def play(self) -> Played:
        """From the empty belt until the last item is past the farthest gate."""
        settings, clock = self._settings, self._clock
        self._each(1 / settings.scene.fps, self._shown_until_s(), self._expose)
        end_s = self._end_s()
        self._each(HEARTBEAT_S, end_s, lambda _: self._beat())
        self._each(CHANGE_S, end_s, lambda _: self._beat_on_change())
        if settings.speed_from == "mqtt":
            self._each(settings.encoder_ms / 1000, end_s, lambda _: self._count_pulses())
        clock.run(end_s)
        return Played(self._notes.verdicts, self._frames, self._skipped)

    def publish_decision(self, decision: BinDecision) -> bool:
        """What the line decides is noted, and goes to the gate."""
        self._notes.decided(decision)
        return self._wire.publish_decision(decision)

    def _each(self, every_s: float, end_s: float, act: Callable[[int], None], number: int = 0) -> None:
        """Do `act` with its number, now and at every multiple of `every_s`, until `end_s`."""
        at_s = number * every_s - self._teach_s
        if at_s <= end_s:
            self._clock.at_s(at_s, partial(self._once, every_s, end_s, act, number))

    def _once(self, every_s: float, end_s: float, act: Callable[[int], None], number: int) -> None:
        act(number)
        self._each(every_s, end_s, act, number + 1)

    def _shown_until_s(self) -> float:
        return max(self._scene.duration_s + 0.5, self._settings.empty_s)

    def _end_s(self) -> float:
        """When the last item is past the farthest gate."""
        farthest_mm = self._settings.scene.line_mm + max(gate.distance_mm for gate in self._config.gates.values())
        last_mm = self._scene.items[-1].enters_mm if self._scene.items else 0.0
        return max(self._shown_until_s(), self._scene.motion.when_s(last_mm + farthest_mm + SETTLE_MM) or 0.0)

    def _expose(self, number: int) -> None:
        """A frame is taken now; it comes to the line later, or never."""
        dropped, late = self._rng.random(2) < (self._settings.dropped, self._settings.late)
        if dropped:
            self._skipped += 1
            return
        after_ms = self._settings.camera_ms + (self._settings.late_ms if late else 0.0)
        self._came_ns = max(self._came_ns, self._clock.now_ns() + round(after_ms * 1e6))
        self._clock.at_ns(self._came_ns, partial(self._arrive, number))

    def _arrive(self, number: int) -> None:
        """Newest wins: of the frames that come while the line is busy, it sees the last one."""
        if self._waiting is not None:
            self._skipped += 1
        elif self._clock.now_ns() < self._free_ns:
            self._clock.at_ns(self._free_ns, self._resume)
        else:
            self._handle(number)
            return
        self._waiting = number

    def _resume(self) -> None:
        assert self._waiting is not None
        number, self._waiting = self._waiting, None
        self._handle(number)

    def _handle(self, number: int) -> None:
        exposed_s = number / self._settings.scene.fps - self._teach_s
        self._clock.work_ms(self._settings.frame_ms)
        self._line.handle(Frame(self._scene.frame(exposed_s), number + 1, monotonic_ns(exposed_s)))
        self._frames += 1
        self._free_ns = self._clock.now_ns()
        self._beat_on_change()

    def _timed(self, classifier: Classifier) -> Classifier:
        def classify(inputs: Image) -> Probabilities:
            self._clock.work_ms(self._settings.inference_ms * len(inputs))
            return classifier(inputs)

        return classify

    def _count_pulses(self) -> None:
        pulses = math.floor(self._scene.motion.travel_mm(self._clock.now_s) / self._settings.mm_per_pulse)
        self._inputs.readings.put(BeltReading(pulses=pulses))

    def _beat_on_change(self) -> None:
        """After every frame, and at times without one, as the line's announcer does."""
        now_ns = self._clock.now_ns()
        if now_ns < max(self._free_ns, self._told_ns + CHANGE_S * 1e9):
            return
        self._line.belt.listen()
        if is_news(self._line.belt.odometer.speed_mm_s, self._told_mm_s):
            self._beat()

    def _beat(self) -> None:
        """A heartbeat, as soon as the line has time for it."""
        if self._clock.now_ns() < self._free_ns:
            self._clock.at_ns(self._free_ns, self._beat)
            return
        self._ledger.flush()
        self._line.belt.listen()
        now_ns, odometer = self._clock.now_ns(), self._line.belt.odometer
        self._told_ns, self._told_mm_s = now_ns, odometer.speed_mm_s
        self._wire.publish_heartbeat(
            Heartbeat(
                line=LINE,
                boot=BOOT,
                t_ms=round(now_ns / 1e6, 3),
                state="online",
                belt_mm=round(odometer.position_mm(now_ns), 3),
                speed_mm_s=self._told_mm_s,
            )
        )
