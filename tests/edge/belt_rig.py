"""A line at a belt of plain blocks whose truth is known; clock, belt and lens are moved by the test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.belt.watch import BeltWatch
from edge.camera.frames import Frame
from edge.classifier import Probabilities
from edge.config import BeltConfig, CameraConfig, Config, GateConfig, LedgerConfig, RoutingConfig
from edge.decision.voting import Model
from edge.errors import EngineFault
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.metrics import Metrics
from edge.preprocess import Image
from edge.wire.inputs import Inputs
from edge.wire.messages import BeltReading, BinDecision, GateReport, Reason
from edge.wire.mqtt_session import Arrival

WIDTH, HEIGHT, MM_PER_PX = 160, 100, 4.0
LINE_MM, VIEW_MM = 400.0, WIDTH * MM_PER_PX
GATE_MM, SPEED_MM_S, STEP_S = 1500.0, 400.0, 0.04
LABELS = ("metal", "paper")
START_NS = 1_000_000_000_000
GREY, NOISE = 70, 2.0
NEAR_MM = 25.0
"""A decision is about the block in or so near to which its place is: of one that was never whole in view, the centre is
not known better. Blocks lie 60 mm apart or more."""


@dataclass(frozen=True)
class Block:
    """One item: where its centre is at the view's upstream edge, its extents, its centre across, mm."""

    enters_mm: float
    length_mm: float
    width_mm: float
    y_mm: float


class BeltRig:
    """Frames, pulses and time for a real line with a real ledger; what it decided is kept."""

    def __init__(self, blocks: Sequence[Block], folder: Path) -> None:
        self.blocks, self.now_ns, self.travel_mm, self.number = blocks, START_NS, 0.0, 0
        self.decisions: list[BinDecision] = []
        self.looks = [0] * len(blocks)
        """Frames in which each block was whole in view."""
        config = rig_config(str(folder / "ledger.db"))
        self.ledger = Ledger(Path(config.ledger.path), config.ledger.rows)
        self.inputs = Inputs(config, lambda: self.now_ns)
        self.silent = False
        """The encoder tells nothing."""
        self.sure = 0.97
        """What the engine says of everything, for the first class; less than 0: it fails."""
        model = Model("constant", LABELS, 32, self._classify)
        belt = BeltWatch(config, self.ledger.next_seq, lambda: self.now_ns, self.inputs)
        self.line = Line(config, model, "boot", self.ledger, self, Metrics(), belt, lambda: self.now_ns)
        noise = np.random.default_rng(0).normal(GREY, NOISE, (4, HEIGHT, WIDTH, 3))
        self._bare: list[NDArray[np.uint8]] = list(noise.clip(0, 255).astype(np.uint8))
        self.ride(24, 0.0)
        self._zero_mm = self.line.belt.odometer.position_mm(self.now_ns)

    def publish_decision(self, decision: BinDecision) -> bool:
        """The wire takes everything."""
        self.decisions.append(decision)
        return True

    def ride(self, frames: int, speed_mm_s: float, *, seen: bool = True, covered: bool = False) -> None:
        """The belt runs for so many frames at this speed; they never come (`seen` False), or come black."""
        for _ in range(frames):
            self.now_ns += round(STEP_S * 1e9)
            self.travel_mm += speed_mm_s * STEP_S
            if not self.silent:
                self.inputs.readings.put(BeltReading(pulses=round(self.travel_mm * 10) + 1000))
            self.number += 1
            if seen:
                self.look(covered=covered)

    def look(self, *, covered: bool = False) -> None:
        """The line handles a frame of this moment."""
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if covered else self.picture()
        self.line.handle(Frame(image, self.number, self.now_ns))

    def picture(self) -> Image:
        """What the camera sees now, counting the blocks that are whole in view."""
        picture = self._bare[self.number % len(self._bare)].copy()
        for number, block in enumerate(self.blocks):
            left, right = (self.travel_mm - block.enters_mm + side * block.length_mm / 2 for side in (-1, 1))
            self.looks[number] += left > 2 * MM_PER_PX and right < VIEW_MM - 2 * MM_PER_PX
            if right > 0 and left < VIEW_MM:
                rows = slice(*(round((block.y_mm + side * block.width_mm / 2) / MM_PER_PX) for side in (-1, 1)))
                picture[rows, max(0, round(left / MM_PER_PX)) : max(0, round(right / MM_PER_PX))] = (190, 150, 60)
        return picture

    def report(self, name: str, state: str) -> None:
        """The gate of a bin says how it is."""
        said = GateReport(line="rig", bin=name, gate=f"gate-{name}", state=state)
        topic = f"sortline/rig/gate/{name}"
        self.inputs.subscriptions["gate/+"](Arrival(topic, msgspec.json.encode(said), retained=True))

    def _classify(self, inputs: Image) -> Probabilities:
        if self.sure < 0:
            raise EngineFault("the engine was unplugged")
        return np.repeat(np.array([[self.sure, 1 - self.sure]], np.float32), len(inputs), axis=0)

    def abandon(self, reason: Reason) -> None:
        """The pictures end here."""
        self.line.abandon(reason)

    def finish(self) -> None:
        """The belt runs until everything has long left the view."""
        last_mm = max((block.enters_mm for block in self.blocks), default=0.0) + VIEW_MM + 300
        while self.travel_mm < last_mm:
            self.ride(1, SPEED_MM_S)

    def about(self, block: Block) -> list[BinDecision]:
        """The decisions whose place is the block's."""
        act_mm = self._zero_mm + block.enters_mm + LINE_MM + GATE_MM
        return [made for made in self.decisions if abs(made.act_mm - act_mm) < block.length_mm / 2 + NEAR_MM]


def rig_config(ledger: str) -> Config:
    """One gate for each bin, all at one place, so that a decision's place does not depend on its bin."""
    return Config(
        line="rig",
        bundle="",
        camera=CameraConfig(source="frames:none", fps=1 / STEP_S),
        belt=BeltConfig(
            direction="right",
            speed_mm_s=SPEED_MM_S,
            mm_per_px=MM_PER_PX,
            line_mm=LINE_MM,
            max_item_mm=200.0,
            speed_from="mqtt",
            mm_per_pulse=0.1,
        ),
        gates={name: GateConfig(distance_mm=GATE_MM) for name in (*LABELS, "reject")},
        routing=RoutingConfig(min_confidence=0.6, touching="reject"),
        ledger=LedgerConfig(path=ledger, rows=1000),
    )
