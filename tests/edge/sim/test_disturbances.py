from collections.abc import Callable

import numpy as np
import pytest

from edge.preprocess import Image
from edge.sim.disturbances import LENS_SPOTS_FROM_S, Disturbances
from edge.sim.scene import Scene

MM_PER_PX = 2.0


def test_drift_moves_the_light_up_and_down_by_its_share() -> None:
    """Forty percent brighter after a quarter of the period, forty darker after three."""
    empty = belt(Disturbances(drift=0.4, drift_period_s=40.0))

    before, bright, dark = (float(empty(t_s).mean()) for t_s in (0.0, 10.0, 30.0))

    assert bright / before == pytest.approx(1.4, abs=0.05)
    assert dark / before == pytest.approx(0.6, abs=0.05)


def test_flicker_is_what_the_frame_rate_and_the_shutter_make_of_100_hz() -> None:
    """At 30 frames a second it beats; at 100 it is gone; a shutter of a whole period averages it away."""
    flicker = Disturbances(flicker=0.3)

    at_30, at_100 = brightnesses(belt(flicker), 30), brightnesses(belt(flicker), 100)
    averaged = brightnesses(belt(flicker, shutter_s=0.01), 30)

    assert np.ptp(at_30) / np.mean(at_30) > 0.2
    assert np.ptp(at_100) / np.mean(at_100) < 0.02
    assert np.ptp(averaged) / np.mean(averaged) < 0.02


def test_vibration_moves_the_whole_picture_by_its_pixels_at_most() -> None:
    """The rail, which never moves otherwise, is found up to two pixels above and below its place."""
    shaken, calm = belt(Disturbances(vibration_px=2.0)), belt(Disturbances())

    rails = [rail_row(shaken(t_s)) for t_s in np.arange(0, 0.6, 0.01)]

    still = rail_row(calm(0.0))
    assert min(rails) <= still - 1
    assert max(rails) >= still + 1
    assert max(abs(row - still) for row in rails) <= 3


def test_dirt_rides_on_the_belt() -> None:
    """Crumbs change the belt here and there, and move with it."""
    dirty, clean = belt(Disturbances(dirt_per_m=60)), belt(Disturbances())

    first, later = (dirty(t_s).astype(int) - clean(t_s) for t_s in (1.0, 1.1))

    moved_px = round(0.1 * 400 / MM_PER_PX)
    spots = np.abs(first).max(axis=2) > 20
    assert 0.0005 < spots.mean() < 0.1
    assert (np.abs(later).max(axis=2) > 20)[:, moved_px:][spots[:, :-moved_px]].mean() > 0.8


def test_spots_on_the_lens_stay_where_they_are_once_they_have_come() -> None:
    """Nothing while the belt is being taught; later the same dark places in every picture."""
    spotted, clean = belt(Disturbances(lens_spots=8)), belt(Disturbances())

    before = spotted(1.0).astype(int) - clean(1.0)
    early, late = (clean(t_s).astype(int) - spotted(t_s) for t_s in (LENS_SPOTS_FROM_S + 1, LENS_SPOTS_FROM_S + 2.3))

    assert not before.any()
    assert (early > 8).mean() > 0.002
    assert np.corrcoef(early.ravel(), late.ravel())[0, 1] > 0.5


def test_a_splice_crosses_the_view_once_in_every_turn_of_the_belt() -> None:
    """A dark band over the whole belt, 2400 pixels apart."""
    spliced, clean = belt(Disturbances(splice=True)), belt(Disturbances())

    darker = [(clean(t_s).astype(int) - spliced(t_s))[40:200].mean(axis=(0, 2)).max() for t_s in np.arange(0, 24, 0.5)]

    seen = np.flatnonzero(np.array(darker) > 8)
    turn_s = 2400 * MM_PER_PX / 400
    assert len(seen) >= 4
    assert 0.5 * (seen[-1] - seen[0]) == pytest.approx(turn_s, abs=2.0)


def test_a_longer_shutter_smears_the_items() -> None:
    """Motion blur along the belt: fewer steep steps in the picture."""
    sharp, blurred = (Scene(4, seed=2, speed_mm_s=2000, shutter_s=s, lead_s=0.2) for s in (0.0005, 0.008))

    steps = [np.abs(np.diff(scene.frame(0.6).astype(int), axis=1)).max(axis=2) for scene in (sharp, blurred)]

    assert (steps[1] > 60).sum() < (steps[0] > 60).sum() / 2


def belt(disturbances: Disturbances, shutter_s: float = 0.005) -> Callable[[float], Image]:
    """The frames of an empty belt."""
    scene = Scene(
        0, seed=3, width_px=320, height_px=240, mm_per_px=MM_PER_PX, disturbances=disturbances, shutter_s=shutter_s
    )
    return scene.frame


def brightnesses(frame: Callable[[float], Image], fps: float) -> list[float]:
    """The mean brightness of 30 frames that begin at a moment of the lamp's cycle."""
    return [float(frame(0.0025 + n / fps).mean()) for n in range(30)]


def rail_row(picture: Image) -> int:
    """Where the upper rail ends: the steepest fall of brightness between rows."""
    rows = picture[:20].astype(float).mean(axis=(1, 2))
    return int(np.argmin(np.diff(rows)))
