"""The belt's speed as it is measured, over MQTT or in the pictures: told to the odometer, known while it is told."""

import logging

from edge.belt.flow import SHIFT_PX, BeltFlow
from edge.belt.geometry import Geometry
from edge.belt.odometer import Odometer
from edge.config import BeltConfig
from edge.preprocess import Image
from edge.wire.messages import BeltReading

MAX_MM_S = 20_000.0
"""No sorting belt is nearly so fast: a reading beyond it, or pulses that would mean it, tell of something else."""

log = logging.getLogger(__name__)


class BeltSpeed:
    """Hears readings for one odometer, on the odometer's thread."""

    def __init__(self, config: BeltConfig, odometer: Odometer) -> None:
        self._config, self._odometer = config, odometer
        self._counted: tuple[int, float] | None = None
        """When the encoder was read last, and what it said in mm."""
        self._refused = ""
        self._flow: BeltFlow | None = None
        self._seen_ns, self._seen_mm = 0, 0.0
        """Newest frame, and the travel that the pictures have shown until then."""

    def see(self, image: Image, captured_ns: int) -> None:
        """A frame, (H, W, 3) uint8 RGB: its travel since the one before, where the pictures are to tell the speed.

        Raises ConfigError when the belt's geometry does not fit the frame.
        """
        if self._config.speed_from != "picture":
            return
        if self._flow is None:
            height, width = image.shape[:2]
            self._flow = BeltFlow(Geometry(self._config, width, height))
        speed_mm_s = self._flow.read(image, captured_ns)
        if speed_mm_s is None:
            self._odometer.restart_counter()
        else:
            self._seen_mm += speed_mm_s * (captured_ns - self._seen_ns) / 1e9
            self._odometer.read_travel(captured_ns, self._seen_mm, SHIFT_PX * self._flow.mm_per_px)
        self._seen_ns = captured_ns

    def hear(self, t_ns: int, reading: BeltReading) -> None:
        """A reading that was taken at `t_ns`."""
        if reading.speed_mm_s is not None and abs(reading.speed_mm_s) <= MAX_MM_S:
            self._odometer.read_speed(t_ns, reading.speed_mm_s)
        elif reading.pulses is not None and self._config.mm_per_pulse is not None:
            self._count(t_ns, reading.pulses * self._config.mm_per_pulse, self._config.mm_per_pulse)
        else:
            self._refuse(reading)
            return
        self._refused = ""

    def problem(self, now_ns: int) -> str:
        """Why the speed is not known now; empty when it is. The odometer then runs on at the last speed."""
        if self._config.speed_from == "config":
            return ""
        read_ns = self._odometer.read_ns
        if read_ns is not None and now_ns - read_ns <= self._config.stale_s * 1e9:
            return ""
        return f"belt-speed-unknown: {self._refused or f'no reading for {self._config.stale_s:g} s'}"

    def _count(self, t_ns: int, mm: float, grain_mm: float) -> None:
        if self._counted is not None:
            before_ns, before_mm = self._counted
            if abs(mm - before_mm) > MAX_MM_S * max(t_ns - before_ns, 1_000_000) / 1e9:
                log.warning("encoder restarted: its count went from %.0f to %.0f mm of travel", before_mm, mm)
                self._odometer.restart_counter()
        self._counted = t_ns, mm
        self._odometer.read_travel(t_ns, mm, grain_mm)

    def _refuse(self, reading: BeltReading) -> None:
        """Said once, until a reading is right again."""
        if not self._refused:
            log.warning("belt reading refused: %s", reading)
        self._refused = (
            "pulses need belt.mm_per_pulse"
            if reading.pulses is not None
            else f"expected speed_mm_s within {MAX_MM_S:g} mm/s or pulses, found speed_mm_s = {reading.speed_mm_s}"
        )
