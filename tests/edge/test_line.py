import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge.bundle.bundle import open_bundle
from edge.camera.frames import Frame
from edge.config_file import load_config
from edge.sim.layout import Spacing
from edge.sim.motion import Motion, Ramp
from edge.sim.scene import Scene
from edge.wire.messages import BeltReading, GateReport
from edge.wire.mqtt_session import Arrival
from tests.edge.line_on_scene import FPS, HEIGHT, LINE_MM, SPEED_MM_S, START_NS, WIDTH, LineOnScene, make_scene, opened

PERIOD_MS = 1000 / FPS
LARGEST = "max_item_mm = 250"
"""Of the scene's items: what is larger, or has deep dents for its size, may be several."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Four items."""
    return make_scene()


@pytest.fixture
def setup(tiny_bundle: Path, line_file: Any) -> Iterator[LineOnScene]:
    """A line whose gates are 3 m behind the classification line."""
    yield from opened(tiny_bundle, line_file)


@pytest.fixture
def measured(tiny_bundle: Path, line_file: Any) -> Iterator[LineOnScene]:
    """A line whose belt speed an encoder tells."""
    yield from opened(tiny_bundle, line_file, belt='speed_from = "mqtt"\nmm_per_pulse = 0.5')


def test_every_item_gets_one_decision_that_is_recorded_and_published(scene: Scene, setup: LineOnScene) -> None:
    """Four items, four decisions with rising numbers, the same ones returned, on the wire and in the ledger."""
    decisions = setup.play(scene)

    assert [decision.item - decisions[0].item for decision in decisions] == [0, 1, 2, 3]
    assert [decision.seq for decision in decisions] == list(range(decisions[0].seq, decisions[0].seq + 4))
    assert setup.wire.written == decisions
    assert setup.ledger.count == 4
    assert setup.metrics.decisions.total() == setup.metrics.reasons.total() == 4
    assert setup.metrics.unpublished == 0
    assert {decision.reason for decision in decisions} <= {"classified", "unsure"}


def test_a_decision_says_all_that_a_gate_needs(scene: Scene, setup: LineOnScene) -> None:
    """Bin, place and times, validity, place across, and what the model thought."""
    decisions = setup.play(scene)

    for item, decision in zip(scene.items, decisions, strict=True):
        gate = setup.config.gates[decision.bin]
        probabilities = decision.probabilities
        assert probabilities is not None
        assert list(probabilities) == ["kitchen", "recyclable", "other", "hazardous"]
        assert decision.confidence == max(probabilities.values())
        assert decision.bin in {*probabilities, "reject"}
        assert (decision.line, decision.boot, decision.model) == ("l1", "boot", "tiny-1/int8")
        assert 1 <= decision.frames <= setup.config.vote.frames
        assert decision.captured_t_ms < decision.t_ms
        assert decision.act_in_ms == pytest.approx(decision.act_t_ms - decision.t_ms, abs=0.01)
        assert decision.valid_ms == pytest.approx(decision.act_in_ms + gate.reach_mm / SPEED_MM_S * 1000, abs=0.01)
        crosses_ms = START_NS / 1e6 + scene.crosses_s(item, LINE_MM) * 1000
        assert decision.act_t_ms == pytest.approx(crosses_ms + gate.distance_mm / SPEED_MM_S * 1000, abs=50)
        assert decision.act_mm == pytest.approx(scene.crosses_s(item, LINE_MM) * SPEED_MM_S + gate.distance_mm, abs=20)
        assert (decision.reach_mm, decision.dead_ms, decision.touching) == (40, 0, False)
        assert decision.x_mm == pytest.approx(item.y_mm, abs=10)
        age_s = (datetime.now(UTC) - datetime.fromisoformat(decision.captured_at)).total_seconds()
        assert age_s < 60


def test_what_the_model_sees_is_the_item(scene: Scene, setup: LineOnScene) -> None:
    """Different items get different probabilities."""
    decisions = setup.play(scene)

    assert len({tuple((decision.probabilities or {}).values()) for decision in decisions}) == 4


def test_a_decision_that_cannot_be_sent_is_kept_and_counted(scene: Scene, setup: LineOnScene) -> None:
    """With the broker away, everything is in the ledger and nothing waits in a queue."""
    setup.wire.there = False

    decisions = setup.play(scene)

    assert len(decisions) == setup.metrics.unpublished == setup.ledger.count == 4
    assert setup.wire.written == []
    assert not setup.line.busy


def test_an_item_that_nobody_can_still_move_is_late(scene: Scene, setup: LineOnScene) -> None:
    """Frames that come out of a backlog of 10 s: the reject bin, `late`, and a validity that is over."""
    decisions = setup.play(scene, lag_ms=10_000)

    assert {(decision.bin, decision.reason) for decision in decisions} <= {("reject", "late"), ("reject", "unsure")}
    assert "late" in {decision.reason for decision in decisions}
    assert all(decision.valid_ms == 0 for decision in decisions)


def test_the_line_is_busy_until_the_last_item_has_passed_its_gate(scene: Scene, setup: LineOnScene) -> None:
    """As long as the belt takes, and longer while it stands."""
    decisions = setup.play(scene)
    last_mm = max(decision.act_mm + decision.reach_mm for decision in decisions)

    setup.line.belt.odometer.read_speed(setup.now_ns, 0.0)
    setup.now_ns += 60_000_000_000
    assert setup.line.busy

    setup.line.belt.odometer.read_speed(setup.now_ns, SPEED_MM_S)
    setup.now_ns = setup.line.belt.odometer.when_ns(last_mm + 1) or 0
    assert not setup.line.busy


def test_abandoned_items_go_to_the_reject_bin(scene: Scene, setup: LineOnScene) -> None:
    """When the pictures end, what was in view and undecided is decided, once, with the reason."""
    before = setup.play(scene, until_s=scene.crosses_s(scene.items[1], LINE_MM) - 0.15)

    left = setup.line.abandon("camera-fault")

    assert left
    assert {(decision.bin, decision.reason, decision.label) for decision in left} == {("reject", "camera-fault", None)}
    assert not {decision.item for decision in left} & {decision.item for decision in before}
    assert setup.line.abandon("camera-fault") == []


def test_a_line_without_frames_has_nothing_to_abandon(setup: LineOnScene) -> None:
    """Stopped before the first frame."""
    assert not setup.line.belt.ready
    assert not setup.line.belt.blocked
    assert setup.line.belt.problems == ()
    assert setup.line.abandon("stopping") == []


def test_an_item_that_is_hidden_at_the_line_is_decided_by_the_frames_before(scene: Scene, setup: LineOnScene) -> None:
    """The lens is covered while each item crosses: what was seen of it on its way counts, and the belt carries it."""
    crossings_s = [scene.crosses_s(item, LINE_MM) for item in scene.items]

    decisions = setup.play(scene, hidden=lambda at_s: any(abs(at_s - one) < 0.1 for one in crossings_s))

    assert len(decisions) == 4
    assert all(decision.label and decision.frames for decision in decisions)
    for crosses_s, decision in zip(crossings_s, decisions, strict=True):
        distance_mm = setup.config.gates[decision.bin].distance_mm
        assert decision.act_mm == pytest.approx(crosses_s * SPEED_MM_S + distance_mm, abs=20)


def test_an_item_of_which_only_a_part_was_seen_is_hidden(scene: Scene, setup: LineOnScene) -> None:
    """The lens is covered from the moment when half of it has come into view: the reject bin, `blocked-view`."""
    (first, *_) = scene.items
    half_s, line_s = scene.crosses_s(first, 0), scene.crosses_s(first, LINE_MM)

    decisions = setup.play(scene, until_s=line_s + 0.3, hidden=lambda at_s: at_s > half_s)

    assert [(decision.bin, decision.reason, decision.label) for decision in decisions] == [
        ("reject", "blocked-view", None)
    ]
    assert setup.line.belt.problems == ("blocked-view",)


def test_things_that_touch_are_flagged_and_decided_as_one(tiny_bundle: Path, line_file: Any) -> None:
    """Two items that lie against each other: a gate can only move them together, and whoever reads it knows."""
    pairs = make_scene(2, seed=1, spacing=Spacing(touching=1.0))

    for line in opened(tiny_bundle, line_file, belt=LARGEST):
        (decision,) = line.play(pairs)

        assert decision.touching
        assert decision.reason == "classified"


def test_things_that_touch_are_rejected_where_the_line_wants_it(tiny_bundle: Path, line_file: Any) -> None:
    """`touching = "reject"`: none of them reaches a bin that is not the reject bin."""
    pairs = make_scene(2, seed=1, spacing=Spacing(touching=1.0))

    for strict in opened(tiny_bundle, line_file, belt=LARGEST, more='[routing]\ntouching = "reject"\n'):
        (decision,) = strict.play(pairs)

        assert (decision.bin, decision.reason, decision.touching) == ("reject", "unknown-item", True)


def test_a_full_bin_is_said_until_it_is_ready_again(setup: LineOnScene) -> None:
    """In the line's status, with the bin's name; a gate that only does not hear us is none."""
    report(setup, "other", "full")
    report(setup, "kitchen", "latched")
    report(setup, "hazardous", "safe")

    assert setup.line.belt.problems == ("bin-closed: kitchen is latched", "bin-closed: other is full")

    report(setup, "other", "ready")
    assert setup.line.belt.problems == ("bin-closed: kitchen is latched",)


def test_what_would_go_to_a_jammed_gate_is_rerouted(scene: Scene, setup: LineOnScene) -> None:
    """The reject bin, with a reason of its own: it was no doubt of the model's."""
    for name in setup.config.gates:
        report(setup, name, "jammed")

    decisions = setup.play(scene)

    assert {(decision.bin, decision.reason) for decision in decisions} <= {("reject", "rerouted"), ("reject", "unsure")}
    assert "rerouted" in {decision.reason for decision in decisions}


def test_a_paused_line_rejects_everything(scene: Scene, setup: LineOnScene) -> None:
    """Each item, once, with the reason; resumed, it sorts again."""
    setup.line.paused = True
    paused = setup.play(scene, until_s=scene.crosses_s(scene.items[1], LINE_MM) + 0.1)

    setup.line.paused = False
    resumed = setup.play(scene, from_s=scene.crosses_s(scene.items[1], LINE_MM) + 0.1)

    assert [(decision.bin, decision.reason) for decision in paused] == [("reject", "paused")] * 2
    assert len(resumed) == 2
    assert "paused" not in {decision.reason for decision in resumed}


def test_without_a_known_speed_nothing_is_sorted(scene: Scene, measured: LineOnScene) -> None:
    """The encoder is silent: nobody knows when an item is at its gate, so all of them are `late`, and it is said."""
    decisions = measured.play(scene)

    assert {(decision.bin, decision.reason) for decision in decisions} <= {("reject", "late"), ("reject", "unsure")}
    assert "late" in {decision.reason for decision in decisions}
    assert measured.line.belt.problems == ("belt-speed-unknown: no reading for 2 s",)


def test_a_belt_that_stops_and_slows_keeps_every_item_at_its_place(measured: LineOnScene) -> None:
    """Pulses every 20 ms: a stop of 1 s with items in view, then a slower belt; each act_mm is where the item is."""
    motion = Motion(SPEED_MM_S, [Ramp(2.0, 0.0, 0.2), Ramp(3.2, 320.0, 0.5)])
    slowed = make_scene(motion=motion)

    def count(at_s: float) -> None:
        while measured.counted_s <= at_s:  # type: ignore[attr-defined]
            travel_mm = motion.travel_mm(measured.counted_s)  # type: ignore[attr-defined]
            measured.inputs.readings.put(BeltReading(pulses=7000 + math.floor(travel_mm / 0.5)))
            measured.counted_s += 0.02  # type: ignore[attr-defined]

    measured.counted_s = 0.0  # type: ignore[attr-defined]
    decisions = measured.play(slowed, before=count)

    assert len(decisions) == len(slowed.items)
    assert measured.line.belt.problems == ()
    assert "late" not in {decision.reason for decision in decisions}
    for item, decision in zip(slowed.items, decisions, strict=True):
        at_gate_mm = item.enters_mm + LINE_MM + measured.config.gates[decision.bin].distance_mm
        assert decision.act_mm == pytest.approx(at_gate_mm, abs=20)


def test_pictures_tell_the_speed_of_a_belt_that_is_not_as_configured(
    scene: Scene, tiny_bundle: Path, line_file: Any
) -> None:
    """The file says 300 mm/s, the belt runs at 400: known from its texture, and every item is found once."""
    for seen in opened(tiny_bundle, line_file, speed_mm_s=300, belt='speed_from = "picture"'):
        decisions = seen.play(scene)

        assert seen.line.belt.problems == ()
        assert seen.line.belt.odometer.speed_mm_s == pytest.approx(SPEED_MM_S, rel=0.01)
        assert len(decisions) == 4
        for item, decision in zip(scene.items, decisions, strict=True):
            crosses_ms = START_NS / 1e6 + scene.crosses_s(item, LINE_MM) * 1000
            assert decision.captured_t_ms == pytest.approx(crosses_ms, abs=80)


def test_new_routing_counts_from_the_next_item_on(scene: Scene, setup: LineOnScene, tmp_path: Path) -> None:
    """What is sure enough for no bin is rejected."""
    setup.play(scene, until_s=scene.crosses_s(scene.items[1], LINE_MM) + 0.1)
    path = tmp_path / "l1.toml"
    path.write_text(path.read_text() + "\n[routing]\nmin_confidence = 1.0\n")

    setup.line.reroute(load_config(path))

    decisions = setup.play(scene, from_s=scene.crosses_s(scene.items[1], LINE_MM) + 0.1)
    assert [(decision.bin, decision.reason) for decision in decisions] == [("reject", "unsure")] * 2


def test_voting_never_holds_up_the_frames(scene: Scene, tiny_bundle: Path, line_file: Any) -> None:
    """A model of 25 ms at 30 fps: no frame takes longer than there is until the next, and items still get votes."""
    for slow in opened(tiny_bundle, line_file, inference_ms=25):
        decisions = slow.play(scene)

        assert max(slow.handled_ms) <= PERIOD_MS
        assert len(decisions) == 4
        assert all(decision.frames >= 2 for decision in decisions)


def test_a_model_slower_than_the_frames_still_decides_every_item(
    scene: Scene, tiny_bundle: Path, line_file: Any
) -> None:
    """Nothing fits between two frames: each item is classified once, when it must be."""
    for slow in opened(tiny_bundle, line_file, inference_ms=50):
        decisions = slow.play(scene)

        assert [decision.frames for decision in decisions] == [1, 1, 1, 1]


@pytest.mark.parametrize("batch", [1, 4])
def test_items_that_wait_together_are_classified_together(tiny_bundle: Path, line_file: Any, batch: int) -> None:
    """Side by side, on a machine on which that saves time; else one after the other."""
    pairs = make_scene(2, seed=11, spacing=Spacing(beside=1.0))
    for line in opened(tiny_bundle, line_file, batch=batch):
        decisions = line.play(pairs)

        assert len(decisions) == 2
        assert max(line.asked) == min(batch, 2)
        assert sum(line.asked) == sum(decision.frames for decision in decisions)


def test_frames_that_were_replaced_are_counted(setup: LineOnScene) -> None:
    """Gaps in the camera's numbers are frames that nobody looked at; a camera that starts anew leaves no gap."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for counter in (5, 6, 9):
        setup.line.handle(Frame(picture, counter, START_NS + counter * 33_000_000))
    setup.line.abandon("camera-fault")

    setup.line.handle(Frame(picture, 1, START_NS + 330_000_000))

    assert (setup.metrics.frames, setup.metrics.dropped_frames) == (4, 2)


def test_every_frame_of_a_triggered_camera_is_an_item(scene: Scene, tiny_bundle: Path, line_file: Any) -> None:
    """It is at the line when its frame is taken, and is decided with that frame, by all that the frame shows."""
    for triggered in opened(tiny_bundle, line_file, top='items = "frame"'):
        decisions = triggered.play(scene, from_s=2.0, until_s=2.2)

        assert len(decisions) == 6
        assert {decision.frames for decision in decisions} == {1}
        travelled_mm = [decision.act_mm - triggered.config.gates[decision.bin].distance_mm for decision in decisions]
        assert travelled_mm == pytest.approx([SPEED_MM_S * (2.0 + n / FPS) for n in range(6)], abs=0.1)


def test_six_classes_of_other_names_are_sorted_too(scene: Scene, six_bundle: Path, line_file: Any) -> None:
    """The bundle's labels are the line's bins, whatever they are."""
    labels = open_bundle(six_bundle).manifest.labels
    for six in opened(six_bundle, line_file, bins=labels):
        decisions = six.play(scene)

        assert len(decisions) == 4
        assert {decision.bin for decision in decisions} <= {*labels, "reject"}
        assert {decision.label for decision in decisions} <= set(labels)


def report(setup: LineOnScene, name: str, state: str) -> None:
    """The gate of a bin says how it is."""
    said = GateReport(line="l1", bin=name, gate=f"gate-{name}", state=state)
    setup.inputs.subscriptions["gate/+"](Arrival(f"sortline/l1/gate/{name}", msgspec.json.encode(said), retained=True))
