"""A line with all real parts but camera, broker and time: rendered frames on a clock that the test moves."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.belt.watch import BeltWatch
from edge.bundle.bundle import open_bundle
from edge.camera.frames import Frame
from edge.classifier import Probabilities
from edge.config import Config
from edge.config_file import load_config
from edge.daemon import open_model
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics
from edge.preprocess import Image
from edge.sim.scene import Scene
from edge.wire.inputs import Inputs
from edge.wire.messages import BinDecision

WIDTH, HEIGHT, MM_PER_PX, SPEED_MM_S, FPS = 320, 240, 2.0, 400.0, 30
LINE_MM = 320.0
START_NS = 1_000_000_000_000
CAMERA_MS = 5.0


class Wire:
    """Takes decisions as a publisher does; `there` is false while the broker is away."""

    def __init__(self) -> None:
        self.there = True
        self.written: list[BinDecision] = []

    def publish_decision(self, decision: BinDecision) -> bool:
        """True: written."""
        if self.there:
            self.written.append(decision)
        return self.there


class LineOnScene:
    """A line, what it is wired to, and its clock."""

    def __init__(self, config: Config, bundle: Path, inference_ms: float = 0.0, batch: int = 1) -> None:
        self.config, self.wire, self.metrics = config, Wire(), Metrics()
        self.ledger = Ledger(Path(config.ledger.path), config.ledger.rows)
        self.now_ns = START_NS
        self.handled_ms: list[float] = []
        """How long the line took for each frame."""
        self.asked: list[int] = []
        """How many items each call of the model was about."""
        self.inputs = Inputs(config, lambda: self.now_ns)
        model = open_model(config, open_bundle(bundle))
        slow = replace(model, classifier=self._taking(inference_ms, model.classifier), batch=batch)
        belt = BeltWatch(config, self.ledger.next_seq, lambda: self.now_ns, self.inputs)
        self.line = Line(config, slow, "boot", self.ledger, self.wire, self.metrics, belt, lambda: self.now_ns)

    def play(
        self,
        scene: Scene,
        from_s: float = 0.0,
        until_s: float | None = None,
        *,
        hidden: Callable[[float], bool] = lambda _: False,
        lag_ms: float = CAMERA_MS,
        before: Callable[[float], None] = lambda _: None,
    ) -> list[BinDecision]:
        """Handle a scene's frames, each `lag_ms` after it was taken; `hidden` says when the lens is covered.

        `before` is told the scene's time before each frame.
        """
        decisions = []
        for number in range(round(from_s * FPS), round((until_s or scene.duration_s) * FPS)):
            at_s = number / FPS
            captured_ns = START_NS + round(at_s * 1e9)
            self.now_ns = max(self.now_ns, captured_ns)
            before(at_s)
            self.now_ns = max(self.now_ns, captured_ns + round(lag_ms * 1e6))
            image = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if hidden(at_s) else scene.frame(at_s)
            started_ns = self.now_ns
            decisions += self.line.handle(Frame(image, number + 1, captured_ns))
            self.handled_ms.append((self.now_ns - started_ns) / 1e6)
        return decisions

    def _taking(
        self, milliseconds: float, classifier: Callable[[Image], Probabilities]
    ) -> Callable[[Image], Probabilities]:
        def classify(inputs: Image) -> Probabilities:
            self.now_ns += round(milliseconds * 1e6) * len(inputs)
            self.asked.append(len(inputs))
            return classifier(inputs)

        return classify


def opened(
    bundle: Path,
    line_file: Any,
    *,
    inference_ms: float = 0.0,
    batch: int = 1,
    speed_mm_s: float = SPEED_MM_S,
    belt: str = "",
    top: str = "",
    **settings: Any,
) -> Iterator[LineOnScene]:
    """A line at the scene's speed; `belt` and `top` are TOML for [belt] and for what stands above all tables."""
    path = line_file(bundle, "frames:none", **settings)
    text = re.sub(r"speed_mm_s = \S+", f"speed_mm_s = {speed_mm_s}\n{belt}", path.read_text())
    path.write_text(f"{top}\n{text}")
    setup = LineOnScene(load_config(path), bundle, inference_ms, batch)
    with setup.ledger:
        yield setup


def make_scene(items: int = 4, seed: int = 5, **more: Any) -> Scene:
    """Items on the belt of `opened`."""
    return Scene(
        items,
        seed=seed,
        width_px=WIDTH,
        height_px=HEIGHT,
        mm_per_px=MM_PER_PX,
        speed_mm_s=SPEED_MM_S,
        lead_s=1.0,
        **more,
    )
