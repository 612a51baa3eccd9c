from pathlib import Path

import numpy as np
import pytest

from edge.belt.frame_items import SHARE, FrameItems
from edge.belt.odometer import Odometer
from edge.belt.reference import TEACH_FRAMES, learnt_from, save_reference
from edge.config import BeltConfig
from edge.preprocess import Box, Image

WIDTH, HEIGHT, MM_PER_PX, SPEED_MM_S = 240, 160, 2.0, 400.0
S_NS = 1_000_000_000


class Triggered:
    """A camera above an empty belt of grey noise, and what makes items of its frames."""

    def __init__(self, reference: Path | None) -> None:
        self._rng = np.random.default_rng(0)
        if reference:
            taught = learnt_from([self.frame() for _ in range(TEACH_FRAMES)])
            save_reference(reference, taught, Box(0, 0, WIDTH, HEIGHT))
        config = BeltConfig(
            direction="right",
            speed_mm_s=SPEED_MM_S,
            mm_per_px=MM_PER_PX,
            line_mm=240,
            max_item_mm=250,
            reference=str(reference) if reference else None,
        )
        self.items = FrameItems(config, WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0), 7)

    def frame(self, *items: tuple[int, int, int, int], light: float = 1.0) -> Image:
        """With red boxes: left, top, right, bottom in pixels."""
        picture = self._rng.normal(70, 3, (HEIGHT, WIDTH, 3))
        for left, top, right, bottom in items:
            picture[top:bottom, left:right] = (190, 60, 40)
        return (picture * light).clip(0, 255).astype(np.uint8)


@pytest.fixture
def taught(tmp_path: Path) -> Triggered:
    """A line that knows its empty belt."""
    return Triggered(tmp_path / "belt.npz")


def test_a_frame_is_one_item_where_it_lies_and_a_bare_one_is_none(taught: Triggered) -> None:
    """Each item is at the line when it is taken, wherever in the picture it is; numbers count on."""
    views = [taught.items.see(taught.frame(*boxes), n * S_NS) for n, boxes in enumerate([[(60, 40, 120, 100)], []] * 2)]

    crossings = [crossing for view in views for crossing in view.crossings]
    assert [len(view.crossings) for view in views] == [1, 0, 1, 0]
    assert [crossing.sighting.item for crossing in crossings] == [7, 8]
    assert [crossing.sighting.mark_mm for crossing in crossings] == [0, 2 * SPEED_MM_S]
    assert all(crossing.seen and crossing.known and not crossing.sighting.touching for crossing in crossings)
    for crossing in crossings:
        assert crossing.sighting.box == pytest.approx((60, 40, 120, 100), abs=3)
        assert crossing.sighting.x_mm == pytest.approx(140, abs=6)


def test_items_at_one_place_never_become_the_belt(taught: Triggered) -> None:
    """A sensor releases the camera with each item at the same place: a hundred of them are a hundred items."""
    views = [taught.items.see(taught.frame((60, 40, 120, 100)), n * S_NS) for n in range(100)]

    assert sum(len(view.crossings) for view in views) == 100


def test_the_light_is_no_item(taught: Triggered) -> None:
    """A lamp that ages by a third."""
    assert taught.items.see(taught.frame(light=0.7), 0).crossings == ()
    assert len(taught.items.see(taught.frame((60, 40, 120, 100), light=0.7), 0).crossings) == 1


@pytest.mark.parametrize(
    "boxes",
    [[(20, 20, 80, 80), (150, 60, 220, 140)], [(20, 60, 200, 110)]],
    ids=["two items", "larger than any item"],
)
def test_what_may_be_several_is_one_item_and_flagged(taught: Triggered, boxes: list[tuple[int, int, int, int]]) -> None:
    """One frame, one decision, about the largest thing, and never silently."""
    (crossing,) = taught.items.see(taught.frame(*boxes), 0).crossings

    assert crossing.sighting.touching
    assert crossing.sighting.box == pytest.approx(boxes[-1], abs=3)


def test_a_covered_lens_is_decided_too(taught: Triggered) -> None:
    """The sensor saw something: the frame counts, whatever it shows, by all of its region."""
    (crossing,) = taught.items.see(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 0).crossings

    assert crossing.sighting.box.right - crossing.sighting.box.left == pytest.approx(WIDTH * SHARE, abs=1)


def test_without_a_reference_the_region_is_the_item() -> None:
    """Every frame, the bare ones too; none is flagged, for nothing is known of it."""
    plain = Triggered(None)

    views = [plain.items.see(plain.frame(*boxes), 0) for boxes in ([], [(20, 20, 80, 80)])]

    for view in views:
        (crossing,) = view.crossings
        assert crossing.sighting.box.right - crossing.sighting.box.left == pytest.approx(WIDTH * SHARE, abs=1)
        assert not crossing.sighting.touching
    assert plain.items.abandon(0) == ()
