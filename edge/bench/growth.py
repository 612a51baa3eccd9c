"""Whether memory grows with the frames that went through."""

import time
from itertools import cycle
from pathlib import Path
from typing import Any

from edge.belt.watch import BeltWatch
from edge.bench.feed import STEP_S, Feed, pictures
from edge.bench.settings import line_config
from edge.bundle.bundle import Bundle
from edge.camera.frames import Frame
from edge.config import EngineConfig
from edge.daemon import model_of
from edge.engine.engine import Engine
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics
from edge.sim.broker import Broker
from edge.wire.messages import Answer, BinDecision
from edge.wire.publisher import Publisher

SETTLED = 0.2
"""Share of the frames after which everything that is allocated once has been."""
STATS_FRAMES = 300
"""Metrics are taken so often, as for the daemon's stats."""


class Clock:
    """The belt's time: the line is shown its frames faster than they would come."""

    def __init__(self) -> None:
        self.now_ns = time.monotonic_ns()

    def __call__(self) -> int:
        """Nanoseconds, as `time.monotonic_ns`."""
        return self.now_ns


def measure_growth(
    bundle: Bundle, engine: Engine, config: EngineConfig, broker: Broker, folder: Path, frames: int
) -> dict[str, Any]:
    """Frames of a belt with items through a line, as fast as it takes them; resident memory at the ends.

    Its gates answer: up to 10,000 decisions of each bin are kept to be asked for where none does.
    """
    settings = line_config("belt", folder / "none", folder, broker, bundle.manifest.labels, config)
    shown, metrics = cycle(pictures(Feed(path="", fps=0.0))), Metrics()
    clock = Clock()
    with (
        Ledger(Path(settings.ledger.path), settings.ledger.rows) as ledger,
        Publisher(settings.mqtt, "growth", "bench", on={}, now_ms=lambda: clock() / 1e6) as publisher,
    ):
        publisher.connect()
        belt = BeltWatch(settings, ledger.next_seq, clock)
        line = Line(settings, model_of(engine, bundle), "bench", ledger, publisher, metrics, belt, clock)
        settled_kb = 0
        for number in range(1, frames + 1):
            clock.now_ns += round(STEP_S * 1e9)
            for decision in line.handle(Frame(next(shown), number, clock.now_ns)):
                ledger.answer(_fired(decision))
            for ask in ledger.unanswered.questions(clock.now_ns / 1e6):
                publisher.publish_ask(ask)
            if number % STATS_FRAMES == 0:
                metrics.take_latencies()
            if number == int(frames * SETTLED):
                settled_kb = _resident_kb()
        grown_kb = _resident_kb() - settled_kb
    return {"frames": frames, "decisions": metrics.decisions.total(), "grown, MB": round(grown_kb / 1024, 2)}


def _fired(decision: BinDecision) -> Answer:
    return Answer(
        line=decision.line,
        boot=decision.boot,
        seq=decision.seq,
        item=decision.item,
        bin=decision.bin,
        gate="bench",
        outcome="fired",
    )


def _resident_kb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))
