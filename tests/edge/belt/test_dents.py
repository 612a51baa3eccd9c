import cv2
import numpy as np
import pytest

from edge.belt.dents import several
from edge.belt.matter import Mask

PX_MM, MAX_ITEM_MM = 3.0, 250.0


def empty() -> Mask:
    """A window of 480 x 360 mm."""
    return np.zeros((120, 160), np.uint8)


def disc(mask: Mask, x_mm: float, radius_mm: float) -> Mask:
    """With a disc in the middle of its height."""
    cv2.circle(mask, (round(x_mm / PX_MM), 60), round(radius_mm / PX_MM), 255, -1)
    return mask


def bar(mask: Mask, start_mm: tuple[int, int], end_mm: tuple[int, int], width_mm: float) -> Mask:
    """With a bar from one place to the other."""
    start, end = (tuple(round(mm / PX_MM) for mm in place) for place in (start_mm, end_mm))
    cv2.line(mask, start, end, 255, round(width_mm / PX_MM))
    return mask


@pytest.mark.parametrize(
    "body",
    [
        disc(disc(empty(), 120, 50), 218, 50),
        disc(bar(empty(), (60, 100), (200, 220), 20), 245, 45),
        bar(bar(empty(), (40, 60), (40, 260), 60), (70, 160), (260, 160), 20),
    ],
    ids=["two discs", "a stick at a disc", "a stick at a box"],
)
def test_bodies_that_touch_are_several(body: Mask) -> None:
    """There is a deep dent between them, and a neck; on a larger scale they would be one thing."""
    assert several(body, PX_MM, MAX_ITEM_MM)
    assert not several(body, PX_MM, 4 * MAX_ITEM_MM)


@pytest.mark.parametrize(
    "body",
    [disc(empty(), 200, 100), bar(empty(), (60, 60), (240, 200), 20), bar(empty(), (100, 180), (300, 180), 90)],
    ids=["disc", "stick", "box"],
)
def test_one_body_without_a_dent_is_one(body: Mask) -> None:
    """As large as the largest item, or as slender."""
    assert not several(body, PX_MM, MAX_ITEM_MM)


def test_a_shallow_dent_is_no_seam_between_two() -> None:
    """A waist, as an apple core has it."""
    core = disc(disc(empty(), 150, 45), 190, 45)

    assert not several(core, PX_MM, MAX_ITEM_MM)


def test_a_line_of_pixels_has_no_dent() -> None:
    """Whatever has no area is handled too."""
    assert not several(np.ones((1, 40), np.uint8), PX_MM, MAX_ITEM_MM)
    assert not several(np.ones((1, 1), np.uint8), PX_MM, MAX_ITEM_MM)
