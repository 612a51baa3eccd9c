from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.sim.scene import Scene
from edge.wire.messages import BinDecision, Trigger
from tests.edge.line_on_scene import LINE_MM, SPEED_MM_S, LineOnScene, make_scene, opened

Announce = Callable[[float], None]


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Three items."""
    return make_scene(3)


@pytest.fixture(params=[400.0, -100.0], ids=["before", "beyond"])
def distance_mm(request: pytest.FixtureRequest) -> float:
    """From the photo-eye to the line: it stands before it, or beyond it."""
    distance: float = request.param
    return distance


@pytest.fixture
def setup(tiny_bundle: Path, line_file: Any, distance_mm: float) -> Iterator[LineOnScene]:
    """A line with a photo-eye."""
    yield from opened(tiny_bundle, line_file, top='items = "trigger"', more=f"[trigger]\ndistance_mm = {distance_mm}\n")


def photo_eye(setup: LineOnScene, scene: Scene, distance_mm: float, *, blind: int = -1, again_s: float = 0) -> Announce:
    """Announces each item when its front edge is at the sensor; not item `blind`; each once more after `again_s`."""
    fronts = [item.enters_mm + LINE_MM - item.length_mm / 2 for item in scene.items if item.number != blind]
    times_s = [(front_mm - distance_mm) / SPEED_MM_S for front_mm in fronts]
    waiting = sorted([*times_s, *(at_s + again_s for at_s in times_s if again_s)])

    def announce(at_s: float) -> None:
        while waiting and waiting[0] <= at_s:
            now_ns, setup.now_ns = setup.now_ns, setup.now_ns - round((at_s - waiting.pop(0)) * 1e9)
            setup.inputs.triggers.put(Trigger())
            setup.now_ns = now_ns

    return announce


def test_every_announced_item_is_classified_at_its_place(setup: LineOnScene, scene: Scene, distance_mm: float) -> None:
    """One decision for one trigger, by what the picture shows there, wherever the photo-eye stands."""
    decisions = setup.play(scene, until_s=scene.duration_s + 0.5, before=photo_eye(setup, scene, distance_mm))

    assert len(decisions) == 3
    assert {decision.reason for decision in decisions} <= {"classified", "unsure"}
    for item, decision in zip(scene.items, decisions, strict=True):
        gate_mm = setup.config.gates[decision.bin].distance_mm
        assert decision.act_mm == pytest.approx(item.enters_mm + LINE_MM + gate_mm, abs=20)


def test_a_trigger_that_bounces_is_one_item(setup: LineOnScene, scene: Scene, distance_mm: float) -> None:
    """The same edge again within 10 mm of belt, or the same message twice."""
    bouncing = photo_eye(setup, scene, distance_mm, again_s=0.02)

    decisions = setup.play(scene, until_s=scene.duration_s + 0.5, before=bouncing)

    assert len(decisions) == 3
    assert {decision.reason for decision in decisions} <= {"classified", "unsure"}


def test_a_trigger_without_an_item_is_unknown(setup: LineOnScene, scene: Scene, distance_mm: float) -> None:
    """The photo-eye saw what the picture does not show: rejected, with its own number; nothing else suffers."""
    announce = photo_eye(setup, scene, distance_mm)
    told: list[float] = []

    def also_a_ghost(at_s: float) -> None:
        announce(at_s)
        if at_s >= 0.4 and not told:
            told.append(at_s)
            setup.inputs.triggers.put(Trigger())

    decisions = setup.play(scene, until_s=scene.duration_s + 0.5, before=also_a_ghost)

    ghosts = [decision for decision in decisions if decision.reason == "unknown-item"]
    assert len(decisions) == 4
    assert [(ghost.bin, ghost.label, ghost.frames) for ghost in ghosts] == [("reject", None, 0)]
    assert len({decision.item for decision in decisions}) == 4


def test_an_item_that_nobody_announced_is_unknown(setup: LineOnScene, scene: Scene, distance_mm: float) -> None:
    """The picture shows what the photo-eye did not see: it is decided too, and rejected."""
    decisions = setup.play(scene, until_s=scene.duration_s + 0.5, before=photo_eye(setup, scene, distance_mm, blind=1))

    reasons = [decision.reason for decision in in_their_order(decisions)]
    assert len(reasons) == 3
    assert reasons[1] == "unknown-item"
    assert "unknown-item" not in (reasons[0], reasons[2])


def test_triggers_without_pictures_are_camera_faults(setup: LineOnScene, scene: Scene, distance_mm: float) -> None:
    """The camera is gone: each announced item is rejected with that reason, once."""
    setup.play(scene, until_s=0.9)
    setup.inputs.triggers.put(Trigger())

    decisions = setup.line.abandon("camera-fault")

    assert [(decision.bin, decision.reason) for decision in decisions] == [("reject", "camera-fault")]
    assert setup.line.abandon("camera-fault") == []
    assert distance_mm


def in_their_order(decisions: list[BinDecision]) -> list[BinDecision]:
    """As their items lie on the belt; all gates are equally far."""
    return sorted(decisions, key=lambda decision: decision.act_mm)
