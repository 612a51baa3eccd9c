import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.belt.belt import Belt
from edge.belt.calibrate import found_in
from edge.belt.odometer import Odometer
from edge.camera.frames import Frame
from edge.config import BeltConfig
from edge.errors import Refused
from edge.sim.scene import Scene

WIDTH, HEIGHT, MM_PER_PX, FPS = 320, 240, 2.0, 30
SPEED_MM_S = 400.0


def test_direction_and_speed_are_found_whatever_is_configured() -> None:
    """The file says that the belt runs up at 100 mm/s; it runs to the right at 400."""
    found = found_in(settings(direction="up", speed_mm_s=100), film(Scene(0, **view())))

    assert found.direction == "right"
    assert found.speed_mm_s == pytest.approx(SPEED_MM_S, rel=0.01)


def test_the_length_of_the_belt_is_found_when_it_came_round() -> None:
    """The rendered belt repeats after 4.8 m: seen in 14 seconds, not in two."""
    scene = Scene(0, **view())

    assert found_in(settings(), film(scene, 14, every=5)).loop_mm == pytest.approx(4800, abs=10)
    assert found_in(settings(), film(scene)).loop_mm is None


def test_with_what_was_learnt_items_on_the_belt_do_no_harm(tmp_path: Path) -> None:
    """The file that was written makes a belt ready, and an item in its very first frame is decided."""
    from edge.belt.reference import save_reference

    found = found_in(settings(), film(Scene(0, seed=5, **view())))
    save_reference(tmp_path / "belt.npz", found.reference, found.region)
    scene = Scene(2, seed=5, lead_s=0.0, **view())
    belt = Belt(settings(reference=str(tmp_path / "belt.npz")), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0))

    ready = belt.ready
    views = [belt.see(frame.image, frame.captured_ns) for frame in film(scene, 4)]

    assert ready
    assert sum(len(one.crossings) for one in views) == 2


def test_a_belt_with_items_is_refused() -> None:
    """What lies on it would be learnt."""
    with pytest.raises(Refused, match="the belt is not empty: expected things in none of 60 frames, found some in"):
        found_in(settings(), film(Scene(5, lead_s=0.0, **view())))


def test_a_belt_that_stands_is_refused() -> None:
    """Nothing can be measured, and only a part of the belt is seen."""
    scene, rng = Scene(0, **view()), np.random.default_rng(0)
    still = scene.frame(0.0).astype(float)
    frames = [
        Frame(np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8), n, n * 33_000_000)
        for n in range(40)
    ]

    with pytest.raises(Refused, match="the belt stands: expected it to run, found"):
        found_in(settings(), frames)


def test_a_belt_without_any_texture_is_refused() -> None:
    """Its speed cannot be read from pictures."""
    rng = np.random.default_rng(0)
    frames = [Frame(rng.integers(50, 60, (HEIGHT, WIDTH, 3), np.uint8), n, n * 33_000_000) for n in range(40)]

    with pytest.raises(Refused, match="the belt's speed cannot be read"):
        found_in(settings(), frames)


def test_the_command_writes_the_reference_and_prints_what_to_paste(tmp_path: Path, line_file: Any) -> None:
    """From a recording of an empty belt: status 0, a [belt] table, and the file that the configuration names."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, frame in enumerate(film(Scene(0, **view()))):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    config = line_file("none.bundle", folder)
    config.write_text(config.read_text().replace("[belt]\n", '[belt]\nreference = "belt.npz"\n'))

    done = calibrated(config, "--seconds", "60", "--write")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "belt.npz").is_file()
    assert '[belt]\ndirection = "right"\nspeed_mm_s = ' in done.stdout
    assert f"written to {tmp_path / 'belt.npz'}" in done.stdout


def test_the_command_says_in_one_line_what_it_lacks(tmp_path: Path, line_file: Any) -> None:
    """No camera is status 69; nowhere to write to is 78."""
    config = line_file("none.bundle", tmp_path / "no-camera")

    nowhere, nothing = calibrated(config, "--write"), calibrated(config)

    assert (nowhere.returncode, nothing.returncode) == (78, 69)
    assert "belt.reference: expected a file name to write the empty belt to, found none" in nowhere.stderr
    assert len(nothing.stderr.splitlines()) == 1


def calibrated(config: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """The command's outcome."""
    command = [sys.executable, "-m", "edge", "calibrate", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)


def settings(**changes: Any) -> BeltConfig:
    """The scene's belt."""
    fields: dict[str, Any] = {"direction": "right", "speed_mm_s": SPEED_MM_S, "mm_per_px": MM_PER_PX, "line_mm": 320}
    return BeltConfig(**{**fields, **changes})


def view() -> dict[str, Any]:
    """The scene's picture."""
    return {"width_px": WIDTH, "height_px": HEIGHT, "mm_per_px": MM_PER_PX, "speed_mm_s": SPEED_MM_S}


def film(scene: Scene, seconds: float = 2.0, every: int = 1) -> list[Frame]:
    """A scene's frames, of which all but each so many-th were lost."""
    return [Frame(scene.frame(n / FPS), n + 1, round(n / FPS * 1e9)) for n in range(0, round(seconds * FPS), every)]
