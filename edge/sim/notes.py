"""Notes what a line decides and when gates move, in terms of true belt travel."""

from dataclasses import replace

from edge.belt.odometer import Odometer
from edge.config import Config
from edge.sim.clock import Clock, scene_s
from edge.sim.motion import Motion
from edge.sim.scoring import Verdict
from edge.wire.messages import BinDecision


class Notes:
    """One run's decisions. The line's odometer has a zero and errors of its own: they are taken out of the places."""

    def __init__(self, config: Config, motion: Motion, odometer: Odometer, clock: Clock) -> None:
        self._config, self._motion, self._odometer, self._clock = config, motion, odometer, clock
        self._verdicts: dict[int, Verdict] = {}

    @property
    def verdicts(self) -> list[Verdict]:
        """In the order of their numbers."""
        return [self._verdicts[seq] for seq in sorted(self._verdicts)]

    def decided(self, decision: BinDecision) -> None:
        """The line has decided."""
        captured_ns = round(decision.captured_t_ms * 1e6)
        mark_mm = decision.act_mm - self._config.gates[decision.bin].distance_mm
        past_line_mm = self._odometer.position_mm(captured_ns) - mark_mm
        captured_s = scene_s(captured_ns)
        self._verdicts[decision.seq] = Verdict(
            mark_mm=self._motion.travel_mm(captured_s) - past_line_mm,
            x_mm=decision.x_mm,
            bin=decision.bin,
            reason=decision.reason,
            touching=decision.touching,
            label=decision.label,
            captured_s=captured_s,
        )

    def moved(self, decision: BinDecision) -> None:
        """Its gate moves now."""
        planned_ns = self._odometer.when_ns(decision.act_mm)
        planned_s = None if planned_ns is None else scene_s(planned_ns)
        verdict = self._verdicts[decision.seq]
        self._verdicts[decision.seq] = replace(verdict, fired_s=self._clock.now_s, planned_s=planned_s)
