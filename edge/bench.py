"""`sortline-edge bench`: what the way of a frame costs beside bare inference, measured in one interleaved run."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle.bundle import open_bundle
from edge.camera.frames import Frame
from edge.config import BeltConfig, CameraConfig, Config, EngineConfig, GateConfig, LedgerConfig, MqttConfig
from edge.daemon import open_model
from edge.decision.voting import Model
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics, percentiles
from edge.preprocess import Image
from edge.sim.broker import embedded_broker
from edge.sim.scene import Scene
from edge.wire.publisher import Publisher

WIDTH, HEIGHT = 1280, 720
MM_PER_PX = 0.5
SPEED_MM_S = 1000.0
"""Fast, so that an item is at the line every few frames and the run is short."""
FPS = 20.0


@dataclass
class Times:
    """What was measured, in ms."""

    deciding: list[float] = field(default_factory=list)
    """Frames with a decision, less the classifier's share."""
    idle: list[float] = field(default_factory=list)
    """The same of frames without one."""
    inference: list[float] = field(default_factory=list)
    """The classifier, for each look at an item."""
    bare: list[float] = field(default_factory=list)
    """The classifier alone, on a fixed picture, right after each decision."""


def bench(bundle_path: Path, items: int, threads: int) -> dict[str, Any]:
    """Measure with the real belt, classifier, ledger and publisher against an embedded broker, camera excluded."""
    bundle = open_bundle(bundle_path)
    with tempfile.TemporaryDirectory(prefix="sortline-bench-") as folder, embedded_broker() as broker:
        config = _configuration(bundle_path, Path(folder), broker.host, broker.port, bundle.manifest.labels, threads)
        model = Timed(open_model(config, bundle))
        with (
            Ledger(Path(config.ledger.path), config.ledger.rows) as ledger,
            Publisher(config.mqtt, config.line, "bench", on={}) as publisher,
        ):
            publisher.connect()
            line = Line(config, model.model, "bench", ledger, publisher, Metrics())
            times = _measure(line, model, _frames(items))
    return _figures(times)


class Timed:
    """A model whose classifier notes how long each call took."""

    def __init__(self, model: Model) -> None:
        self.calls_ms: list[float] = []
        self.bare = model.classifier
        self.model = replace(model, classifier=self._classify)

    def _classify(self, inputs: Image) -> Any:
        started = time.perf_counter()
        answer = self.bare(inputs)
        self.calls_ms.append((time.perf_counter() - started) * 1000)
        return answer


def _configuration(bundle: Path, folder: Path, host: str, port: int, labels: tuple[str, ...], threads: int) -> Config:
    gate = GateConfig(distance_mm=2000)
    return Config(
        line="bench",
        bundle=str(bundle),
        camera=CameraConfig(source="frames:none"),
        belt=BeltConfig(direction="right", speed_mm_s=SPEED_MM_S, mm_per_px=MM_PER_PX, line_mm=WIDTH * MM_PER_PX / 2),
        gates=dict.fromkeys((*labels, "reject"), gate),
        ledger=LedgerConfig(path=str(folder / "ledger.db"), rows=10_000),
        engine=EngineConfig(threads=threads),
        mqtt=MqttConfig(host=host, port=port),
    )


def _frames(items: int) -> Iterator[Image]:
    scene = Scene(items, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=SPEED_MM_S)
    for number in range(int(scene.duration_s * FPS)):
        yield scene.frame(number / FPS)


def _measure(line: Line, model: Timed, images: Iterator[Image]) -> Times:
    """Frames come with the capture times of a camera whose first picture is taken now."""
    times = Times()
    start_ns = time.monotonic_ns()
    fixed = np.zeros((1, model.model.size, model.model.size, 3), np.uint8)
    for number, image in enumerate(images, start=1):
        model.calls_ms.clear()
        started = time.perf_counter()
        decisions = line.handle(Frame(image, number, start_ns + round(number / FPS * 1e9)))
        took_ms = (time.perf_counter() - started) * 1000 - sum(model.calls_ms)
        times.inference.extend(model.calls_ms)
        if not decisions:
            times.idle.append(took_ms)
            continue
        times.deciding.append(took_ms)
        started = time.perf_counter()
        model.bare(fixed)
        times.bare.append((time.perf_counter() - started) * 1000)
    return times


def _figures(times: Times) -> dict[str, Any]:
    spent_s = (sum(times.deciding) + sum(times.idle) + sum(times.inference)) / 1000
    figures = {
        "frame_overhead_ms": times.deciding,
        "inference_ms": times.inference,
        "bare_inference_ms": times.bare,
        "idle_frame_ms": times.idle,
    }
    table: dict[str, Any] = {
        name: {"p50": each.p50, "p99": each.p99} for name, values in figures.items() for each in [percentiles(values)]
    }
    return table | {
        "fps": round((len(times.deciding) + len(times.idle)) / spent_s, 1),
        "decisions": len(times.deciding),
        "inference_to_bare": round(table["inference_ms"]["p50"] / table["bare_inference_ms"]["p50"], 3),
    }
