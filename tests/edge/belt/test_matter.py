import cv2
import numpy as np
import pytest

from edge.belt.matter import FAINT, NOISE, PLAIN, Matter, expected_of, matter_in
from edge.belt.outline import SCRATCH_PX, Outlines
from edge.belt.reference import Reference
from edge.preprocess import Box, Image

HEIGHT, WIDTH, GREY = 80, 120, 70
WORK_MM, MIN_ITEM_MM, MAX_ITEM_MM = 2.0, 30.0, 400.0
SCRATCH, STRAP = np.s_[20:26, 20:100], np.s_[20:40, 20:100]
"""No place of the first is farther than SCRATCH_PX from its border; the second is wider."""


def empty() -> Image:
    """A grey belt without texture."""
    return np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)


def seen(picture: Image) -> Matter:
    """What is no belt in a picture."""
    return matter_in(picture, expected_of(Reference(empty(), np.zeros((HEIGHT, WIDTH), np.uint8))))


def items(matter: Matter) -> list[Box]:
    """The boxes of what is taken for items."""
    return [outline.box for outline in Outlines(WORK_MM, MIN_ITEM_MM, MAX_ITEM_MM, level=True).of(matter)]


def blued(where: tuple[slice, slice], levels: float) -> Image:
    """An empty belt that is bluer at one place, by so many grey levels beyond the sensor's noise."""
    picture = empty()
    picture[where][..., 2] += round(NOISE + levels)
    return picture


@pytest.mark.parametrize(
    ("levels", "thing", "plain"),
    [(FAINT - 1, False, False), (FAINT + 8, True, False), (PLAIN - 1, True, False), (PLAIN + 1, True, True)],
    ids=["noise", "faint", "nearly plain", "plain"],
)
def test_a_thing_is_plain_when_it_differs_from_the_belt_by_far(levels: float, thing: bool, plain: bool) -> None:
    """Noise is nothing, another colour a thing, and only from PLAIN grey levels beyond the noise on a plain one."""
    matter = seen(blued(STRAP, levels))

    middle = (30, 60)
    assert (matter.things[middle] > 0, matter.plain[middle] > 0) == (thing, plain)
    assert not matter.things[60:].any()
    assert not matter.plain[60:].any()


@pytest.mark.parametrize("light", [0.5, 1.6])
def test_another_light_on_the_belt_is_plain_and_no_thing(light: float) -> None:
    """A soft shadow or reflection differs by far, but keeps the belt's colour."""
    picture = empty().astype(np.float32)
    picture[20:60, 30:90] *= light
    soft = cv2.GaussianBlur(picture, (0, 0), 6).astype(np.uint8)

    matter = seen(soft)

    assert matter.plain[40, 60]
    assert not matter.things.any()


@pytest.mark.parametrize(
    ("where", "levels", "is_item"),
    [(SCRATCH, PLAIN - 2, False), (SCRATCH, PLAIN + 2, True), (STRAP, PLAIN - 2, True)],
    ids=["scratch", "plain and narrow", "faint and wide"],
)
def test_what_is_narrow_and_nowhere_plain_is_a_scratch(
    where: tuple[slice, slice], levels: float, is_item: bool
) -> None:
    """A long narrow trace is an item only when it is plainly there, a faint one only when it is wide."""
    matter = seen(blued(where, levels))

    assert matter.things.any()
    assert bool(items(matter)) == is_item


def test_one_plain_place_makes_the_whole_of_a_narrow_thing_an_item() -> None:
    """The head of a match: the faint rest belongs to it."""
    match = blued(SCRATCH, PLAIN - 2)
    match[20:26, 92:100, 2] += 10

    (box,) = items(seen(match))

    assert (box.left, box.right) == pytest.approx((20, 100), abs=SCRATCH_PX)


def test_a_speck_is_no_item() -> None:
    """Few bright pixels are dust, however bright."""
    picture = empty()
    picture[40:42, 60:62] = 255

    assert not items(seen(picture))
