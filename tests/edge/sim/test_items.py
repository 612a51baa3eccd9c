import cv2
import numpy as np
import pytest

from edge.sim.items import CATALOGUE
from edge.sim.stamp import proportions

DRAWINGS = [(label, subclass) for label, drawings in CATALOGUE.items() for subclass in drawings]


@pytest.mark.parametrize(("label", "subclass"), DRAWINGS)
def test_a_drawing_is_a_cut_out_picture_of_one_connected_thing(label: str, subclass: str) -> None:
    """Every drawing fills its bounds, shows enough of itself, and hangs together as one object."""
    draw = CATALOGUE[label][subclass]

    sprites = [draw(np.random.default_rng([4, k]), 160) for k in range(6)]

    for sprite in sprites:
        opacity = sprite[..., 3]
        assert sprite.dtype == np.uint8
        assert 80 <= max(sprite.shape[:2]) <= 160
        assert min(opacity.max(axis=1).min(), opacity.max(axis=0).min()) > 0
        assert (opacity > 40).mean() > 0.06
        assert sprite[..., :3][opacity > 40].std() > 5
        assert largest_part(opacity) > 0.93


@pytest.mark.parametrize(("label", "subclass"), DRAWINGS)
def test_the_seed_decides_the_item(label: str, subclass: str) -> None:
    """The same seed draws the same bytes, another seed another item."""
    draw = CATALOGUE[label][subclass]

    first, again, other = (draw(np.random.default_rng(seed), 128) for seed in (7, 7, 8))

    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize(("label", "subclass"), DRAWINGS)
def test_an_item_keeps_its_proportions_at_every_size(label: str, subclass: str) -> None:
    """An item drawn large has the bounds that its small probe told, so a scene knows extents without drawing."""
    draw = CATALOGUE[label][subclass]

    probed = [proportions(draw, [5, k]) for k in range(4)]
    large = [draw(np.random.default_rng([5, k]), 280).shape for k in range(4)]

    for (across, down), (height, width, _) in zip(probed, large, strict=True):
        assert width / 280 == pytest.approx(across, abs=0.05)
        assert height / 280 == pytest.approx(down, abs=0.05)


def largest_part(opacity: np.ndarray) -> float:
    """The share of the opaque pixels in the largest part, where gaps up to about 4 % of the width are closed."""
    seen = (opacity > 40).astype(np.uint8)
    closed = cv2.dilate(seen, np.ones((7, 7), np.uint8))
    _, parts = cv2.connectedComponents(closed)
    counts = np.bincount(parts[seen > 0])
    return float(counts.max() / counts.sum())
