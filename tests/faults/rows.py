"""The rows of the table: which scenario with what, in the short form and in the long one."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults import kills, network, outage, refusals, surroundings
from tests.faults.table import Figure


class Row(NamedTuple):
    """One scenario and its two sizes."""

    scenario: Callable[..., list[Figure]]
    short: dict[str, Any]
    """Two minutes for all rows together."""
    long: dict[str, Any]
    """Three quarters of an hour for all rows together, side by side where they bear it; two processors."""
    alone: bool = False
    """Its figure is of the machine's time."""
    nice: int = 0
    """Above 0 it works as fast as it can on what the others leave of the processors."""

    def run(self, folder: Path, *, long: bool, scale: float = 1.0) -> list[Figure]:
        """Everything that is counted, in its long form, times `scale`. Times of waiting stay as they are."""
        if not long:
            return self.scenario(folder, **self.short)
        counted = {name: max(1, round(value * scale)) for name, value in self.long.items() if name in COUNTED}
        return self.scenario(folder, **{**self.long, **counted})


COUNTED = ("broker", "daemon", "gate", "decisions", "times", "cuts", "attempts")


def _trouble(kind: str) -> Row:
    return Row(
        network.trouble,
        {"kind": kind, "decisions": 300, "longest_s": 2.0},
        {"kind": kind, "decisions": 20_000, "longest_s": 45.0},
    )


ROWS = {
    "kills": Row(
        kills.kill,
        {"broker": 3, "daemon": 1, "gate": 2, "decisions": 500, "calm_s": 1.0},
        {"broker": 200, "daemon": 50, "gate": 50, "decisions": 100_000, "calm_s": 1.0},
    ),
    "day": Row(
        outage.day,
        {"decisions": 3_000, "rate": 2_000.0, "warm": 6_000, "growth": 0.03},
        {"decisions": 864_000, "rate": 2_000.0, "warm": 40_000, "growth": 0.01},
        nice=19,
    ),
    **{kind: _trouble(kind) for kind in network.TROUBLES},
    "loss": Row(network.loss, {"seconds": 4.0}, {"seconds": 200.0}),
    "stopped": Row(kills.stop_daemon, {"times": 3, "told_ms": 500.0}, {"times": 50, "told_ms": 50.0}, alone=True),
    "identities": Row(refusals.identities, {"attempts": 1}, {"attempts": 100}),
    "passwords": Row(refusals.passwords, {"attempts": 1}, {"attempts": 100}),
    "payloads": Row(refusals.payloads, {"attempts": 1}, {"attempts": 20}),
    "clock": Row(surroundings.clock, {"seconds": 0.5}, {"seconds": 20.0}),
    "disk": Row(surroundings.full_disk, {"seconds": 2.0}, {"seconds": 60.0}),
    "power": Row(surroundings.power_cuts, {"cuts": 20}, {"cuts": 1_500}, nice=19),
    "outage": Row(
        outage.broker_away,
        {"before_s": 3.0, "away_s": 5.0, "percentile": "p50", "way": 5.0},
        {"before_s": 60.0, "away_s": 600.0, "percentile": "p99", "way": 1.05},
        alone=True,
    ),
}


def run_row(name: str, folder: Path, *, long: bool, scale: float) -> tuple[list[Figure], float]:
    """Its figures, and how many seconds they took; `folder` is made for it. For a process of its own."""
    folder.mkdir()
    os.nice(ROWS[name].nice)
    began_s = time.monotonic()
    figures = ROWS[name].run(folder, long=long, scale=scale)
    return figures, time.monotonic() - began_s
