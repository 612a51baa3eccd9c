"""Timing: when the belt has an item at a gate, and how long the gate may still act on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.belt.odometer import Odometer
from edge.config import Config, GateConfig

LEAST_LEAD_MS = 50.0
"""A command needs this long to a gate and the gate to plan it: what would arrive later is decided `late`."""


@dataclass(frozen=True)
class Appointment:
    """One item at one gate; times on the monotonic clock."""

    act_mm: float
    """What the odometer reads when the item's centre is at the gate."""
    act_ms: float
    """When the gate must begin to move, if the belt's speed stays: its dead time before the item is there."""
    until_ms: float
    """From then on it would miss the item."""

    def lead_ms(self, now_ms: float) -> float:
        """Time left in which a command still comes early enough; negative: too late."""
        return self.act_ms - now_ms - LEAST_LEAD_MS


class Timetable:
    """When which gate has an item, by the odometer."""

    def __init__(self, config: Config, odometer: Odometer) -> None:
        self.gates = _gates_of(config)
        """Bin -> its gate."""
        self._usual_mm_s, self._odometer = config.belt.speed_mm_s, odometer

    def appointment(self, name: str, mark_mm: float, now_ns: int) -> Appointment:
        """When an item with this mark is at the gate of bin `name`.

        A belt that stands or runs back is taken to run as usual from now on. That is a guess that the gate replaces:
        heartbeats tell it the odometer, and it acts by `act_mm`.
        """
        gate, odometer = self.gates[name], self._odometer
        act_mm = mark_mm + gate.distance_mm
        speed_mm_s = odometer.speed_mm_s if odometer.speed_mm_s > 0 else self._usual_mm_s
        there_ns = odometer.when_ns(act_mm)
        if there_ns is None:
            there_ns = now_ns + round((act_mm - odometer.position_mm(now_ns)) / speed_mm_s * 1e9)
        act_ms = there_ns / 1e6 - gate.dead_ms
        return Appointment(act_mm, act_ms, act_ms + gate.reach_mm / speed_mm_s * 1000)


def _gates_of(config: Config) -> Mapping[str, GateConfig]:
    """A reject bin without a gate is the belt's end, behind the last gate."""
    last_mm = max(gate.distance_mm for gate in config.gates.values())
    return {config.routing.reject: GateConfig(distance_mm=last_mm), **config.gates}
