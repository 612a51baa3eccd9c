import math
from collections.abc import Iterator

import numpy as np
import pytest

from edge.belt.portraits import Portraits, Shot
from edge.preprocess import Box

WIDTH, HEIGHT, FINER, GREY = 320, 96, 2, 60.0
LONG, WIDE, NEEDLE = 48, 24, 16
STEP = 7.3
"""Pixels that the belt moves from frame to frame."""
FRAMES = 12


def test_a_needle_that_no_frame_shows_is_found_in_many() -> None:
    """Its contrast is that of the noise."""
    begins = [begin - place for begin, _, place in ridden(needle=90.0, noise=25.0)]

    assert begins[0] != pytest.approx(-NEEDLE, abs=3)
    assert begins[-1] == pytest.approx(-NEEDLE, abs=1.5)


@pytest.mark.parametrize(("level", "forward"), [(True, 1), (True, -1), (False, 1), (False, -1)])
def test_ends_are_followed_in_every_direction(level: bool, forward: int) -> None:
    """To the right, to the left, down, up: to a part of a pixel, in the frame's own pixels."""
    for begin, end, place in ridden(level=level, forward=forward):
        assert (begin + end) / 2 == pytest.approx(place + LONG / 2, abs=0.3)
        assert (begin, end) == pytest.approx((place, place + LONG), abs=0.8)


def test_light_that_falls_off_along_the_belt_moves_no_end() -> None:
    """The same thing is three times as bright at the end of its way: so is the belt."""
    light = np.linspace(0.5, 1.5, WIDTH)

    for begin, end, place in ridden(light=light):
        assert (begin, end) == pytest.approx((place, place + LONG), abs=0.8)


def test_another_thing_in_the_same_place_has_a_portrait_of_its_own() -> None:
    """What was there before, and was larger, is forgotten."""
    portraits = Portraits(1.0, FINER, level=True)
    first, second = picture(100.0, LONG), picture(100.0, LONG - 20)

    for shown, length in ((first, LONG), (second, LONG - 20)):
        for _ in range(FRAMES):
            (ends,) = portraits.ends(shot(shown), [box(100.0, length)])

    assert ends == pytest.approx((100, 100 + LONG - 20), abs=0.8)


@pytest.mark.parametrize(("aside", "behind"), [(WIDE + 18, 30), (0, LONG + 8)])
def test_a_neighbour_within_the_portrait_is_not_the_thing(aside: int, behind: int) -> None:
    """It lies beside it and reaches further, or close behind it."""
    portraits = Portraits(1.0, FINER, level=True)
    both = shot(np.maximum(picture(100.0, LONG), np.roll(picture(100.0 + behind, LONG), aside, axis=0)))
    both.coarse[:, :, 3] = 255 * (both.coarse[:, :, 0] < both.fine[::FINER, ::FINER, 0])

    (ends,) = portraits.ends(both, [box(100.0, LONG)])

    assert ends == pytest.approx((100, 100 + LONG), abs=0.8)


def test_what_the_picture_cuts_off_ends_at_its_edge() -> None:
    """Geometry takes such a thing for cut: no length is made up beyond the picture."""
    portraits = Portraits(1.0, FINER, level=True)

    (ends,) = portraits.ends(shot(picture(-10.0, LONG)), [box(0.0, LONG - 10)])

    assert ends == pytest.approx((0, LONG - 10), abs=1.0)


def ridden(
    needle: float = 0.0, noise: float = 2.0, light: np.ndarray | None = None, *, level: bool = True, forward: int = 1
) -> Iterator[tuple[float, float, float]]:
    """What is told of a thing that rides the belt: its begin and end, and where it really begins, frame by frame."""
    rng = np.random.default_rng(0)
    portraits = Portraits(1.0, FINER, level=level)
    for n in range(FRAMES):
        place = 70.0 + STEP * (n if forward > 0 else FRAMES - n)
        shown = picture(place, LONG, needle)
        lit = np.ones(WIDTH) if light is None else light
        noisy = np.clip(shown * lit[None, :, None] + rng.normal(0, noise, shown.shape), 0, 255).astype(np.uint8)
        here = shot(noisy, lit, place)
        boxes = [box(place, LONG)]
        if not level:
            here = Shot(here.fine.swapaxes(0, 1).copy(), here.coarse.swapaxes(0, 1).copy(), here.travel_px)
            boxes = [Box(one.top, one.left, one.bottom, one.right) for one in boxes]
        (ends,) = portraits.ends(here, boxes)
        yield (*(ends or (math.nan, math.nan)), place)


def picture(place: float, length: int, needle: float = 0.0) -> np.ndarray:
    """The belt with a thing from `place` on, which may lie between pixels, and a needle before it."""
    shown = np.full((HEIGHT, WIDTH, 3), GREY)
    columns = np.arange(WIDTH)
    share = np.clip(np.minimum(columns + 1 - place, place + length - columns), 0, 1)[None, :, None]
    rows = slice(HEIGHT // 2 - WIDE // 2, HEIGHT // 2 + WIDE // 2)
    shown[rows] += (150.0 - GREY) * share
    if needle:
        thin = np.clip(np.minimum(columns + 1 - place + NEEDLE, place - columns), 0, 1)[:, None]
        shown[HEIGHT // 2 : HEIGHT // 2 + 3] += (needle - GREY) * thin
    return shown


def shot(shown: np.ndarray, light: np.ndarray | None = None, place: float = 0.0) -> Shot:
    """It, beside the empty belt and a rough mask."""
    lit = (np.ones(WIDTH) if light is None else light)[::FINER]
    coarse = np.full((HEIGHT // FINER, WIDTH // FINER, 4), GREY) * lit[None, :, None]
    middle = HEIGHT // FINER // 2
    coarse[:, :, 3] = 0
    bright = shown.mean(axis=2)[HEIGHT // 2 - 8 : HEIGHT // 2 - 2 : FINER, ::FINER].mean(axis=0) > 1.8 * GREY * lit
    coarse[middle - WIDE // FINER // 2 : middle + WIDE // FINER // 2, bright, 3] = 255
    return Shot(np.asarray(shown, np.uint8), np.asarray(coarse, np.uint8), place)


def box(place: float, length: int) -> Box:
    """The coarse one of a thing."""
    middle, half = HEIGHT // FINER // 2, WIDE // FINER // 2
    return Box(int(place) // FINER, middle - half, int(place + length) // FINER, middle + half)
