import itertools
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import open_bundle
from edge.config import Config, load_config
from edge.daemon import open_model
from edge.frames import Frame
from edge.ledger import Ledger
from edge.line import Line
from edge.messages import BinDecision
from edge.metrics import Metrics
from edge.sim.scene import Scene

WIDTH, HEIGHT, MM_PER_PX, SPEED_MM_S, FPS = 320, 240, 2.0, 400.0, 30


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


class Setup:
    """A line with all real parts but the network and the camera."""

    def __init__(self, config: Config, bundle: Path) -> None:
        self.config, self.wire, self.metrics = config, Wire(), Metrics()
        self.ledger = Ledger(Path(config.ledger.path), config.ledger.rows)
        self.line = Line(config, open_model(config, open_bundle(bundle)), "boot", self.ledger, self.wire, self.metrics)

    def play(self, scene: Scene, until_s: float | None = None) -> list[BinDecision]:
        """Handle a scene's frames as if each had been captured just now; the belt's time runs with the frames."""
        count = round((until_s or scene.duration_s) * FPS)
        start_ns = time.monotonic_ns() - round(count / FPS * 1e9)
        frames = (Frame(scene.frame(n / FPS), n + 1, start_ns + round(n / FPS * 1e9)) for n in range(count))
        return list(itertools.chain.from_iterable(map(self.line.handle, frames)))


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Four items."""
    return Scene(4, seed=5, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=SPEED_MM_S, lead_s=1.0)


@pytest.fixture
def setup(tiny_bundle: Path, line_file: Any) -> Iterator[Setup]:
    """A line whose gates are far enough for frames that are some seconds old."""
    yield from opened(tiny_bundle, line_file, gate_mm=20_000)


@pytest.fixture
def near(tiny_bundle: Path, line_file: Any) -> Iterator[Setup]:
    """A line whose gates are right behind the classification line."""
    yield from opened(tiny_bundle, line_file, gate_mm=10)


def test_every_item_gets_one_decision_that_is_recorded_and_published(scene: Scene, setup: Setup) -> None:
    """Four items, four decisions with rising numbers, the same ones returned, on the wire and in the ledger."""
    decisions = setup.play(scene)

    assert [decision.item for decision in decisions] == [1, 2, 3, 4]
    assert [decision.seq for decision in decisions] == list(range(decisions[0].seq, decisions[0].seq + 4))
    assert setup.wire.written == decisions
    assert setup.ledger.count == 4
    assert setup.metrics.decisions.total() == setup.metrics.reasons.total() == 4
    assert setup.metrics.unpublished == 0


def test_a_decision_says_all_that_a_gate_needs(scene: Scene, setup: Setup) -> None:
    """Bin, times on one clock, validity, place across, and what the model thought."""
    decisions = setup.play(scene)

    for item, decision in zip(scene.items, decisions, strict=True):
        probabilities = decision.probabilities
        assert probabilities is not None
        assert list(probabilities) == ["kitchen", "recyclable", "other", "hazardous"]
        assert decision.confidence == max(probabilities.values())
        assert decision.bin in {*probabilities, "reject"}
        assert (decision.line, decision.boot, decision.model, decision.frames) == ("l1", "boot", "tiny-1/int8", 1)
        assert decision.captured_t_ms < decision.t_ms
        assert decision.act_in_ms == pytest.approx(decision.act_t_ms - decision.t_ms, abs=0.01)
        assert decision.valid_ms == pytest.approx(
            decision.act_in_ms + setup.config.gates[decision.bin].reach_ms, abs=0.01
        )
        ride_ms = setup.config.gates[decision.bin].distance_mm / SPEED_MM_S * 1000
        assert decision.act_t_ms - decision.captured_t_ms == pytest.approx(ride_ms, abs=80)
        assert decision.x_mm == pytest.approx(item.y_mm, abs=25)
        age_s = (datetime.now(UTC) - datetime.fromisoformat(decision.captured_at)).total_seconds()
        assert age_s == pytest.approx((time.monotonic() * 1000 - decision.captured_t_ms) / 1000, abs=0.1)


def test_what_the_model_sees_is_the_item(scene: Scene, setup: Setup) -> None:
    """Different items get different probabilities."""
    decisions = setup.play(scene)

    answers = [tuple((decision.probabilities or {}).values()) for decision in decisions]

    assert len(set(answers)) == 4


def test_a_decision_that_cannot_be_sent_is_kept_and_counted(scene: Scene, setup: Setup) -> None:
    """With the broker away, everything is in the ledger and nothing waits in a queue."""
    setup.wire.there = False

    decisions = setup.play(scene)

    assert len(decisions) == setup.metrics.unpublished == setup.ledger.count == 4
    assert setup.wire.written == []


def test_an_item_that_nobody_can_still_move_is_late(scene: Scene, near: Setup) -> None:
    """Frames that come out of a backlog: the reject bin, `late`, and a validity that is over."""
    decisions = near.play(scene)

    assert {(decision.bin, decision.reason) for decision in decisions} <= {("reject", "late"), ("reject", "unsure")}
    assert "late" in {decision.reason for decision in decisions}
    assert all(decision.valid_ms >= 0 for decision in decisions)


def test_abandoned_items_go_to_the_reject_bin(scene: Scene, setup: Setup) -> None:
    """When the pictures end, what was in view and undecided is decided, once, with the reason."""
    before = setup.play(scene, until_s=scene.crosses_s(scene.items[1], 320) - 0.15)

    left = setup.line.abandon("camera-fault")

    assert left
    assert {(decision.bin, decision.reason, decision.label) for decision in left} == {("reject", "camera-fault", None)}
    assert not {decision.item for decision in left} & {decision.item for decision in before}
    assert setup.line.abandon("camera-fault") == []


def test_a_line_without_frames_has_nothing_to_abandon(setup: Setup) -> None:
    """Stopped before the first frame."""
    assert not setup.line.ready
    assert not setup.line.blocked
    assert setup.line.abandon("stopping") == []


def test_frames_that_were_replaced_are_counted(setup: Setup) -> None:
    """Gaps in the camera's numbers are frames that nobody looked at; a camera that starts anew leaves no gap."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for counter in (5, 6, 9):
        setup.line.handle(Frame(picture, counter, time.monotonic_ns()))
    setup.line.abandon("camera-fault")

    setup.line.handle(Frame(picture, 1, time.monotonic_ns()))

    assert (setup.metrics.frames, setup.metrics.dropped_frames) == (4, 2)


def test_six_classes_of_other_names_are_sorted_too(scene: Scene, six_bundle: Path, line_file: Any) -> None:
    """The bundle's labels are the line's bins, whatever they are."""
    labels = open_bundle(six_bundle).manifest.labels
    for six in opened(six_bundle, line_file, gate_mm=20_000, bins=labels):
        decisions = six.play(scene)

        assert len(decisions) == 4
        assert {decision.bin for decision in decisions} <= {*labels, "reject"}
        assert {decision.label for decision in decisions} <= set(labels)


def opened(bundle: Path, line_file: Any, gate_mm: int, **settings: Any) -> Iterator[Setup]:
    """A line at the scene's speed."""
    path = line_file(bundle, "frames:none", **settings)
    text = path.read_text().replace("distance_mm = 3000", f"distance_mm = {gate_mm}")
    path.write_text(re.sub(r"speed_mm_s = \S+", f"speed_mm_s = {SPEED_MM_S}", text))
    config = load_config(path)
    assert config.belt.speed_mm_s == SPEED_MM_S
    setup = Setup(config, bundle)
    with setup.ledger:
        yield setup
