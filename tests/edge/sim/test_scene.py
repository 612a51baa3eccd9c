import itertools
from collections import Counter

import cv2
import numpy as np
import pytest

from edge.errors import UsageError
from edge.sim.items import CATALOGUE
from edge.sim.layout import SceneItem, Spacing
from edge.sim.motion import Motion, Ramp
from edge.sim.scene import Scene


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
    scene = Scene(10, seed=seed, width_px=480, height_px=360, spacing=Spacing(gap_mm=(300, 400)))
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
    scene = Scene(40, seed=1, spacing=Spacing(gap_mm=(120, 260)))

    counts = Counter(item.label for item in scene.items)

    assert counts == dict.fromkeys(CATALOGUE, 40 // len(CATALOGUE))
    assert scene.items[0].enters_mm - scene.items[0].length_mm / 2 == pytest.approx(2.0 * 400)
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


def test_an_item_is_where_the_truth_says_while_the_belt_stops_and_changes_its_speed() -> None:
    """Braking, standing, starting, slower: the item's middle is where belt travel has carried it, and stands still."""
    motion = Motion(400.0, [Ramp(3.4, 0.0, 0.4), Ramp(5.0, 250.0, 0.8)])
    view = {"seed": 2, "width_px": 1000, "height_px": 360, "motion": motion}
    scene, empty = Scene(1, **view), Scene(0, **view)
    (item,) = scene.items

    for t_s in (3.3, 3.5, 3.7, 4.0, 4.8, 5.3, 5.6):
        x0, x1, _, _ = bounds_of_change(scene.frame(t_s), empty.frame(t_s))

        assert (x0 + x1) / 2 == pytest.approx(motion.travel_mm(t_s) - item.enters_mm, abs=7), t_s
    crosses_s = scene.crosses_s(item, 500)
    assert motion.travel_mm(crosses_s) == pytest.approx(item.enters_mm + 500)
    assert np.abs(scene.frame(4.0).astype(int) - scene.frame(4.6)).mean() < 4


def test_items_move_by_parts_of_a_pixel() -> None:
    """A picture 1/4 pixel of travel later differs where the item's edges are, beyond what the noise does."""
    scene, empty = Scene(1, seed=1), Scene(0, seed=1)
    at_s = scene.crosses_s(scene.items[0], 320)
    moments = [at_s + n * 0.25 / 400 for n in range(5)]

    middles = [centre_of_mass(scene.frame(t_s).astype(int) - empty.frame(t_s)) for t_s in moments]

    steps = np.diff(middles)
    assert steps.min() > 0.1
    assert steps.max() < 0.4


def test_touching_items_touch_and_lie_in_pairs() -> None:
    """Every item has a partner, their boxes meet along the belt, and the picture shows one thing, not two."""
    view = {"seed": 4, "width_px": 900}
    scene, empty = Scene(8, spacing=Spacing(touching=1.0, gap_mm=(400, 400)), **view), Scene(0, **view)

    assert [item.partner for item in scene.items] == [1, 0, 3, 2, 5, 4, 7, 6]
    for first, second in zip(scene.items[::2], scene.items[1::2], strict=True):
        t_s = scene.crosses_s(first, 600)
        change = np.abs(scene.frame(t_s).astype(int) - empty.frame(t_s)).max(axis=2) > 14
        window = np.zeros_like(change)
        window[:, round(600 - (second.enters_mm - first.enters_mm) - second.length_mm / 2) : 860] = True
        grown = cv2.dilate((change & window).astype(np.uint8), np.ones((5, 5), np.uint8))
        areas = cv2.connectedComponentsWithStats(grown)[2][1:, cv2.CC_STAT_AREA]
        assert (areas > 500).sum() == 1, first
        assert second.enters_mm - first.enters_mm < (first.length_mm + second.length_mm) / 2 + 1


def test_items_side_by_side_have_free_belt_between_them() -> None:
    """At least 20 mm across, at most 40 mm or their difference in length apart along the belt."""
    items = Scene(10, seed=4, spacing=Spacing(beside=1.0)).items

    for one, other in zip(items[::2], items[1::2], strict=True):
        across_mm = abs(one.y_mm - other.y_mm) - (one.width_mm + other.width_mm) / 2
        along_mm = other.enters_mm - one.enters_mm
        assert across_mm >= 20 - 1e-6
        assert 0 <= along_mm <= max(40, (other.length_mm - one.length_mm) / 2)
        assert one.partner is other.partner is None


@pytest.mark.parametrize(
    ("spacing", "said"),
    [
        (Spacing(touching=0.7, beside=0.6), "expected shares of 1 together at most"),
        (Spacing(gap_mm=(200, 100)), "gap: expected the least before the most"),
        (Spacing(gap_mm=(-5, 100)), "gap: expected the least before the most"),
    ],
)
def test_spacings_that_contradict_themselves_are_refused(spacing: Spacing, said: str) -> None:
    """One line, not a belt of nonsense."""
    with pytest.raises(UsageError, match=said):
        Scene(4, spacing=spacing)


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
    return following.enters_mm - item.enters_mm - (item.length_mm + following.length_mm) / 2


def bounds_of_change(frame: np.ndarray, empty: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of what is clearly brighter or more colourful than the belt and its shadow."""
    change = np.abs(frame.astype(int) - empty.astype(int))
    shadow = (frame.astype(int) <= empty.astype(int) + 8).all(axis=2)
    seen = (change.max(axis=2) > 22) & ~shadow
    columns, rows = (np.flatnonzero(seen.sum(axis=axis) >= 2) for axis in (0, 1))
    return float(columns[0]), float(columns[-1] + 1), float(rows[0]), float(rows[-1] + 1)


def centre_of_mass(change: np.ndarray) -> float:
    """Column of the middle of what differs clearly."""
    weight = np.clip(np.abs(change).max(axis=2) - 20, 0, 60)[60:-60]
    return float((weight.sum(axis=0) * np.arange(weight.shape[1])).sum() / weight.sum())
