import itertools
from collections import Counter

import numpy as np
import pytest

from edge.sim.items import CATALOGUE
from edge.sim.scene import Scene, SceneItem


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Two scenes of one seed agree in truth and pixels, whatever was rendered before."""
    first, second, other = Scene(6, seed=3), Scene(6, seed=3), Scene(6, seed=4)
    middle_s = first.crosses_s(first.items[2], 320)

    jumped = second.frame(middle_s)
    for t_s in np.linspace(0, middle_s, 5, endpoint=False):
        first.frame(float(t_s))

    assert first.items == second.items
    assert first.frame(middle_s).tobytes() == jumped.tobytes()
    assert other.frame(middle_s).tobytes() != jumped.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_every_item_is_where_the_truth_says(seed: int) -> None:
    """What differs from the empty belt is centred within a few pixels of the item's stated place, in its stated box."""
    scene = Scene(10, seed=seed, width_px=480, height_px=360, gap_mm=(300, 400))
    empty = Scene(0, seed=seed, width_px=480, height_px=360)

    for item in scene.items:
        t_s = scene.crosses_s(item, 240)
        x0, x1, y0, y1 = bounds_of_change(scene.frame(t_s), empty.frame(t_s))

        assert (x0 + x1) / 2 == pytest.approx(240, abs=7), item
        assert (y0 + y1) / 2 == pytest.approx(item.y_mm, abs=7), item
        assert x1 - x0 == pytest.approx(item.length_mm, abs=14), item
        assert y1 - y0 == pytest.approx(item.width_mm, abs=14), item


def test_items_come_evenly_from_all_classes_and_apart_on_the_belt() -> None:
    """Forty items hold every class equally often, keep the asked gap, and lie between the rails."""
    scene = Scene(40, seed=1, gap_mm=(120, 260))

    counts = Counter(item.label for item in scene.items)

    assert counts == dict.fromkeys(CATALOGUE, 40 // len(CATALOGUE))
    assert scene.items[0].enters_s * 400 - scene.items[0].length_mm / 2 == pytest.approx(2.0 * 400)
    for item, following in itertools.pairwise(scene.items):
        assert 120 - 1e-6 <= free_belt_mm(item, following) <= 260 + 1e-6
    for item in scene.items:
        assert 60 <= max(item.length_mm, item.width_mm) <= 232
        assert item.width_mm / 2 < item.y_mm < 480 - item.width_mm / 2


def test_the_belt_moves_with_the_items_and_the_noise_changes() -> None:
    """The belt's texture shifts by speed times time; no two frames carry the same noise."""
    scene = Scene(0, seed=2)

    before, after = scene.frame(1.0), scene.frame(1.1)

    still = np.corrcoef(before[60:-60, 100:500, 1].ravel(), after[60:-60, 100:500, 1].ravel())[0, 1]
    moved = np.corrcoef(before[60:-60, 100:500, 1].ravel(), after[60:-60, 140:540, 1].ravel())[0, 1]
    assert moved > still + 0.1
    assert not np.array_equal(scene.frame(1.0)[:, :50], scene.frame(1.0 + 2400 / 400)[:, :50])


def test_memory_stays_bounded() -> None:
    """After a whole scene only the items in view are held."""
    scene = Scene(12, seed=0, width_px=320, height_px=240, mm_per_px=2.0)

    held = []
    for t_s in np.arange(0, scene.duration_s, 0.2):
        scene.frame(float(t_s))
        held.append(len(scene._stamps))
    scene.frame(scene.duration_s + 5)

    assert 1 <= max(held) <= 5
    assert len(scene._stamps) == 0


def free_belt_mm(item: SceneItem, following: SceneItem) -> float:
    """The belt between the rear of one item and the front of the next."""
    return (following.enters_s - item.enters_s) * 400 - (item.length_mm + following.length_mm) / 2


def bounds_of_change(frame: np.ndarray, empty: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of what is clearly brighter or more colourful than the belt and its shadow."""
    change = np.abs(frame.astype(int) - empty.astype(int))
    shadow = (frame.astype(int) <= empty.astype(int) + 8).all(axis=2)
    seen = (change.max(axis=2) > 22) & ~shadow
    columns, rows = (np.flatnonzero(seen.sum(axis=axis) >= 2) for axis in (0, 1))
    return float(columns[0]), float(columns[-1] + 1), float(rows[0]), float(rows[-1] + 1)
