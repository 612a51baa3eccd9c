import cv2
import numpy as np
import pytest

from edge.belt.ends import Likeness, ends_of

HEIGHT, WIDTH, LEFT, RIGHT = 80, 200, 68, 132
ROWS = slice(28, 52)
NOISE = 0.01
"""Of the mean of several frames."""


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.75])
def test_the_middle_of_a_thing_is_found_to_a_part_of_a_pixel(part: float) -> None:
    """The last column of pixels is covered in part: it is the thing's by so much."""
    ratio = belt()
    ratio[ROWS, LEFT:RIGHT] = 3.0
    ratio[ROWS, RIGHT] = 1 + 2 * part

    left, right = ends(ratio)

    assert (left + right) / 2 == pytest.approx((LEFT + RIGHT + part) / 2, abs=0.3)
    assert (left, right) == pytest.approx((LEFT, RIGHT + part), abs=0.6)


def test_a_thin_bright_tip_belongs_to_the_thing() -> None:
    """A needle of one pixel, which the core does not hold."""
    ratio = belt()
    ratio[ROWS, LEFT:RIGHT] = 3.0
    ratio[40, RIGHT : RIGHT + 20] = 3.0

    assert ends(ratio) == pytest.approx((LEFT, RIGHT + 20), abs=0.8)


def test_a_scratch_of_the_belt_does_not() -> None:
    """It is as thin as the needle, and fainter."""
    ratio = belt()
    ratio[ROWS, LEFT:RIGHT] = 3.0
    ratio[40, RIGHT : RIGHT + 20] = 1.3

    assert ends(ratio) == pytest.approx((LEFT, RIGHT), abs=0.8)


@pytest.mark.parametrize("brightness", [3.0, 0.8])
@pytest.mark.parametrize("tint", [0.0, 0.03])
def test_a_shadow_moves_no_end(brightness: float, tint: float) -> None:
    """Also beside a thing that is darker than the belt in light, also where sky falls into it and makes it blue."""
    ratio = belt()
    depth = 0.5 * np.clip((RIGHT + 20 - np.arange(WIDTH)) / 20, 0, 1) * (np.arange(WIDTH) >= RIGHT)
    ratio *= (1 - depth)[None, :, None] + (2 * depth[:, None] * [0.0, 0.0, tint])[None]
    ratio[ROWS, LEFT:RIGHT] = brightness * np.array([1.0, 1.0, 0.7])

    assert ends(ratio) == pytest.approx((LEFT, RIGHT), abs=1.5)


def test_the_far_rim_of_clear_glass_is_where_its_shadow_stops_to_deepen() -> None:
    """It is no brighter than the belt in light, and greenish at most: yet too bright for what is beside it."""
    ratio = belt()
    columns = np.arange(WIDTH)
    shade = np.where(columns >= RIGHT, np.clip(0.6 + (columns - RIGHT) / 40, 0, 1), 1.0)
    ratio *= shade[None, :, None]
    ratio[10:70, LEFT:RIGHT] = 0.9 * np.array([1.0, 1.06, 0.98])
    ratio[10:70, LEFT : LEFT + 12] = 1.8

    assert ends(ratio, core=slice(LEFT, RIGHT - 8)) == pytest.approx((LEFT, RIGHT), abs=1.5)


def test_a_neighbour_is_not_part_of_the_thing() -> None:
    """Belt lies between them."""
    ratio = belt()
    ratio[ROWS, LEFT:RIGHT] = ratio[ROWS, RIGHT + 20 :] = 3.0

    assert ends(ratio) == pytest.approx((LEFT, RIGHT), abs=0.8)


def test_the_noise_of_a_single_frame_is_no_colour() -> None:
    """It would be in the mean of several frames."""
    ratio = belt(noise=0.05)
    ratio[ROWS, LEFT:RIGHT] = 3.0

    assert ends(ratio, frames=1) == pytest.approx((LEFT, RIGHT), abs=1.0)


def test_ends_that_do_not_show_are_not_guessed() -> None:
    """Nothing but belt, or no belt beyond the thing."""
    everywhere = np.full((HEIGHT, WIDTH, 3), 3.0, np.float32)

    assert ends_of(likeness(belt())) is None
    assert ends_of(likeness(everywhere)) is None


def belt(noise: float = NOISE) -> np.ndarray:
    """A bare one, (HEIGHT, WIDTH, 3), against itself."""
    return np.random.default_rng(0).normal(1, noise, (HEIGHT, WIDTH, 3)).astype(np.float32)


def likeness(ratio: np.ndarray, core: slice = slice(LEFT + 4, RIGHT - 4), frames: int = 15) -> Likeness:
    """As a portrait shows it: a little blurred, and roughly known."""
    rough = np.zeros((HEIGHT, WIDTH), np.uint8)
    rough[ROWS, core] = 1
    return Likeness(np.asarray(cv2.blur(ratio, (3, 1)), np.float32), rough, 1.0, frames)


def ends(ratio: np.ndarray, core: slice = slice(LEFT + 4, RIGHT - 4), frames: int = 15) -> tuple[float, float]:
    """What is found."""
    found = ends_of(likeness(ratio, core, frames))
    assert found is not None
    return found
