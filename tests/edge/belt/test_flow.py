from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.belt.flow import BeltFlow
from edge.belt.geometry import Geometry
from edge.config import BeltConfig
from edge.preprocess import Image
from edge.sim.scene import Scene

WIDTH, HEIGHT, MM_PER_PX, FPS = 320, 240, 2.0, 30
TURNED: dict[Any, Callable[[Image], Image]] = {
    "right": lambda frame: frame,
    "left": lambda frame: frame[::-1, ::-1],
    "up": np.rot90,
    "down": lambda frame: np.rot90(frame, -1),
}
"""How to turn the scene's frames, whose belt moves to the right."""


@pytest.mark.parametrize("speed_mm_s", [60.0, 500.0, 1400.0])
@pytest.mark.parametrize("direction", TURNED)
def test_the_speed_of_a_bare_belt_is_read(speed_mm_s: float, direction: str) -> None:
    """Within one per cent over a few frames, whichever way it runs, from its own texture."""
    flow = flow_of(direction)
    scene = Scene(0, seed=2, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=speed_mm_s)

    read = [flow.read(TURNED[direction](scene.frame(n / FPS)), round(n / FPS * 1e9)) for n in range(13)]

    speeds = [speed for speed in read[1:] if speed is not None]
    assert read[0] is None
    assert len(speeds) >= 11
    assert np.mean(speeds) == pytest.approx(speed_mm_s, rel=0.01, abs=2)


def test_a_belt_that_runs_back_has_a_negative_speed() -> None:
    """The same frames in the other order."""
    flow = flow_of("right")
    scene = Scene(0, seed=2, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=500)

    read = [flow.read(scene.frame(1 - n / FPS), round(n / FPS * 1e9)) for n in range(8)]

    assert np.mean(read[1:]) == pytest.approx(-500, rel=0.02)  # type: ignore[arg-type]


def test_a_belt_that_stands_has_speed_nought() -> None:
    """The same view with other noise."""
    rng, flow = np.random.default_rng(0), flow_of("right")
    view = Scene(0, seed=2, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX).frame(1.0).astype(float)

    read = [flow.read(noisy(view, rng), n * 33_000_000) for n in range(5)]

    assert read[1:] == pytest.approx([0] * 4, abs=12)


def test_frames_that_have_nothing_in_common_have_no_speed() -> None:
    """Pure noise: no number rather than any number."""
    rng, flow = np.random.default_rng(0), flow_of("right")

    read = [flow.read(noisy(np.full((HEIGHT, WIDTH, 3), 60.0), rng), n * 33_000_000) for n in range(20)]

    assert read == [None] * 20


def flow_of(direction: Any) -> BeltFlow:
    """A flow of frames that are turned as the direction says."""
    size = (WIDTH, HEIGHT) if direction in {"right", "left"} else (HEIGHT, WIDTH)
    config = BeltConfig(direction=direction, speed_mm_s=500, mm_per_px=MM_PER_PX, line_mm=100)
    return BeltFlow(Geometry(config, *size))


def noisy(view: Any, rng: np.random.Generator) -> Image:
    """The view as a camera sees it once."""
    return np.clip(view + rng.normal(0, 3, view.shape), 0, 255).astype(np.uint8)
