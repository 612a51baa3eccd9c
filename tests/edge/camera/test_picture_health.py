from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from edge.camera.picture_health import PictureHealth
from edge.preprocess import Image
from edge.sim.scene import Scene

TAUGHT = 40
"""Pictures of a sound camera before something happens to it."""


@cache
def rails(number: int) -> Image:
    """A belt between bright rails, a small thing on it that moves, and sensor noise that is never the same."""
    picture = np.full((240, 320, 3), 70.0)
    picture[20:30], picture[-30:-20] = 190, 190
    picture[:, 150:153] = 150
    left = number * 9 % 280
    picture[100:130, left : left + 30] = (40, 90, 160)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + np.random.default_rng(number).normal(0, 2.5, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


@cache
def plain(number: int) -> Image:
    """A belt without anything on it that could be sharp."""
    noise = np.random.default_rng(number).normal(0, 2.5, (240, 320, 3))
    return np.clip(90 + noise, 0, 255).astype(np.uint8)


def blurred(picture: Image) -> Image:
    """A lens that is 3 pixels out of focus; the sensor's noise stays."""
    soft = cv2.GaussianBlur(picture, (0, 0), 3.0) + np.random.default_rng(int(picture[0, 0, 0])).normal(
        0, 2.5, picture.shape
    )
    return np.clip(soft, 0, 255).astype(np.uint8)


FAULTS: dict[str, Callable[[Image], Image]] = {
    "camera-frozen": lambda _: rails(0),
    "camera-black": lambda picture: (picture // 20).astype(np.uint8),
    "camera-overexposed": lambda picture: np.clip(picture.astype(np.int16) * 4, 0, 255).astype(np.uint8),
    "camera-blurred": blurred,
}


@pytest.mark.parametrize("problem", FAULTS)
def test_a_fault_is_seen_in_three_pictures_and_its_end_in_ten(problem: str) -> None:
    """Not before the third, so that one bad picture is none; and no other word is said."""
    health = taught(rails)

    told = []
    for number in range(3):
        health.look(FAULTS[problem](rails(TAUGHT + number)))
        told.append(health.problems)
    ended = []
    for number in range(10):
        health.look(rails(TAUGHT + 3 + number))
        ended.append(health.problems)

    assert told == [(), (), (problem,)]
    assert ended == [*[(problem,)] * 9, ()]


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: (picture * 0.4).astype(np.uint8),
        lambda picture: np.clip(picture * 1.3, 0, 255).astype(np.uint8),
        lambda picture: cv2.blur(picture, (9, 1)),
    ],
    ids=["lamp dims", "lamp brightens", "belt runs faster"],
)
def test_light_and_speed_are_no_fault_of_the_lens(change: Callable[[Image], Image]) -> None:
    """Contours are compared by their steepness, in both directions."""
    health = taught(rails)

    for number in range(20):
        health.look(change(rails(TAUGHT + number)))

        assert health.problems == ()


def test_an_empty_plain_belt_is_sharp_enough() -> None:
    """Taught with things in view: when they have passed there is nothing to judge, and nothing is said."""
    health = taught(rails)

    for number in range(30):
        health.look(plain(number))

        assert health.problems == ()


def test_a_rendered_belt_gives_no_false_alarm() -> None:
    """Items of all kinds, shadows, noise."""
    scene, health = Scene(12, seed=3, speed_mm_s=600.0), PictureHealth(may_repeat=False)

    for number in range(round(scene.duration_s * 5)):
        health.look(scene.frame(number / 5))

        assert health.problems == ()


def test_a_folder_of_one_picture_is_not_frozen() -> None:
    """Where pictures may repeat, that they do says nothing."""
    health = PictureHealth(may_repeat=True)

    for _ in range(10):
        health.look(rails(0))

    assert health.problems == ()


def test_a_new_start_remembers_how_sharp_the_lens_was() -> None:
    """A camera that comes back smeared is noticed; what else was wrong is forgotten."""
    health = taught(rails)
    for _ in range(3):
        health.look(np.zeros((480, 640, 3), np.uint8))

    health.forget()
    forgotten = health.problems
    for number in range(3):
        health.look(blurred(rails(number)))

    assert forgotten == ()
    assert health.problems == ("camera-blurred",)


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (1080, 1920), (2048, 16)])
def test_pictures_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    """From thumbnails to line scans."""
    health = PictureHealth(may_repeat=False)

    for number in range(25):
        health.look(np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8))

    assert health.problems == ()


def taught(pictures: Callable[[int], Image]) -> PictureHealth:
    """Health that has seen a sound camera."""
    health = PictureHealth(may_repeat=False)
    for number in range(TAUGHT):
        health.look(pictures(number))
    assert health.problems == ()
    return health
