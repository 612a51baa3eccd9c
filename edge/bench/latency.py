"""From a frame in shared memory to the PUBLISH written, and the bare runtime on every second frame instead."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.belt.watch import BeltWatch
from edge.bench.feed import Feed, feeding
from edge.bench.settings import line_config
from edge.bundle.bundle import Bundle
from edge.camera.camera import Camera
from edge.config import EngineConfig
from edge.daemon import model_of
from edge.engine.engine import Engine
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics
from edge.sim.broker import Broker
from edge.wire.publisher import Publisher

ROOM_MS = 15.0
"""Of a frame's time beside its inference: the next one finds nobody at work."""
WARM_UP = 20
STAGES = ("wait", "presence", "inference", "decide", "vote", "publish")


class EveryTime(Metrics):
    """Metrics that keep every figure."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_ms: defaultdict[str, list[float]] = defaultdict(list)

    def took(self, stage: str, milliseconds: float) -> None:
        """Note one passage through `stage`."""
        self.taken_ms[stage].append(milliseconds)


def measure_latency(
    bundle: Bundle, engine: Engine, config: EngineConfig, broker: Broker, folder: Path, decisions: int
) -> dict[str, Any]:
    """Every frame is an item: camera process, line, ledger and publisher as in the daemon, against a real broker.

    The bare runtime runs when a frame has come, as the line does: a core that just waited is slower than a busy one.
    """
    path, metrics = folder / "latency.frames", EveryTime()
    line_settings = line_config("frame", path, folder, broker, bundle.manifest.labels, config)
    fixed = bundle.golden(engine.candidate.variant).inputs[:1]
    bare_ms = [_timed(engine, fixed) for _ in range(WARM_UP)]
    feed = Feed(path=str(path), fps=1000 / (float(np.median(bare_ms)) + ROOM_MS))
    bare_ms = []
    with (
        feeding(feed),
        Camera(line_settings.camera) as camera,
        Ledger(Path(line_settings.ledger.path), line_settings.ledger.rows) as ledger,
        Publisher(line_settings.mqtt, line_settings.line, "bench", on={}) as publisher,
    ):
        publisher.connect()
        belt = BeltWatch(line_settings, ledger.next_seq)
        line = Line(line_settings, model_of(engine, bundle), "bench", ledger, publisher, metrics, belt)
        while len(bare_ms) < WARM_UP + decisions:
            if frame := camera.newest(1.0):
                line.handle(frame)
            if camera.newest(1.0):
                bare_ms.append(_timed(engine, fixed))
    return _figures(metrics.taken_ms, bare_ms)


def _timed(engine: Engine, inputs: Any) -> float:
    """Of the runtime alone, without the engine around it."""
    started_ns = time.perf_counter_ns()
    engine.runner(inputs)
    return (time.perf_counter_ns() - started_ns) / 1e6


def _figures(taken_ms: dict[str, list[float]], bare_ms: Sequence[float]) -> dict[str, Any]:
    total, bare = spread(taken_ms["total"][WARM_UP:]), spread(bare_ms[WARM_UP:])
    return {
        "frame to PUBLISH, ms": total,
        "bare runtime, ms": bare,
        "median above bare, ms": round(total["p50"] - bare["p50"], 2),
        "p99 above bare's, ms": round(total["p99"] - bare["p99"], 2),
        "p99.9 above p50, ms": round(total["p99.9"] - total["p50"], 2),
        "stages, ms": {stage: spread(taken_ms[stage][WARM_UP:]) for stage in STAGES if stage in taken_ms},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and p99.9, to 10 µs."""
    shares = (50, 99, 99.9)
    return {f"p{share:g}": round(float(np.percentile(values, share)), 2) for share in shares}
