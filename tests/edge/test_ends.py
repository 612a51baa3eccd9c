import numpy as np
import pytest

from edge.belt.ends import Belt, refined_ends
from edge.preprocess import Box, Image

HEIGHT, WIDTH, SHRINK, MM_PER_PX, GREY = 80, 160, 2, 1.0, 60.0
BOX = Box(22, 12, 58, 28)
"""At working size: 2 to 4 mm beyond what `with_item` lays down."""


@pytest.mark.parametrize("right", [112.0, 112.25, 112.5, 112.75])
def test_an_end_is_found_to_a_part_of_a_pixel(right: float) -> None:
    """The last column of pixels is covered in part: it is the item's by so much."""
    frame = with_item(belt(), 48, right)

    assert ends(frame) == pytest.approx((48, right), abs=0.25)


def test_a_thin_bright_tip_belongs_to_the_thing() -> None:
    """A needle of one pixel, which the coarse box does not hold."""
    frame = with_item(belt(), 48, 112)
    frame[40, 112:130] = 140

    assert ends(frame) == pytest.approx((48, 130), abs=1.0)


@pytest.mark.parametrize("grey", [200, 45])
def test_a_shadow_beside_it_moves_no_end(grey: int) -> None:
    """Also beside a thing that is darker than the belt in light, and brighter than the shadow."""
    frame = belt()
    shade = 1 - 0.6 * np.clip((130 - np.arange(WIDTH)) / 12, 0, 1) * (np.arange(WIDTH) > 60)
    frame = (frame * shade[None, :, None]).astype(np.uint8)
    frame[28:52, 48:112] = grey

    assert ends(frame)[1] == pytest.approx(112, abs=1.5)


def test_an_end_that_does_not_show_stays_where_it_was() -> None:
    """Nothing but belt in the box: its own edges, in pixels of the frame."""
    assert ends(belt()) == (BOX.left * SHRINK, BOX.right * SHRINK)


def belt() -> Image:
    """A bare one, with its noise."""
    return np.clip(np.random.default_rng(0).normal(GREY, 2, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)


def with_item(frame: Image, left: int, right: float) -> Image:
    """The frame with something white from `left` to `right`."""
    frame[28:52, left : int(right)] = 220
    share = right - int(right)
    if share:
        frame[28:52, int(right)] = round(220 * share + GREY * (1 - share))
    return frame


def ends(frame: Image) -> tuple[float, float]:
    """What is found in the frame."""
    size = (HEIGHT // SHRINK, WIDTH // SHRINK)
    things = np.zeros(size, np.uint8)
    things[BOX.top : BOX.bottom, BOX.left : BOX.right] = 255
    bare = Belt(np.full((*size, 3), round(GREY), np.uint8), np.ones(size, np.float32))
    return refined_ends(frame, bare, things, BOX, SHRINK, MM_PER_PX)
