from typing import Any

import numpy as np
import pytest

from edge.belt.geometry import Geometry
from edge.belt.presence import STUCK_VIEWS, Presence, Spot
from edge.belt.reference import TEACH_FRAMES, learnt_from
from edge.config import BeltConfig
from edge.preprocess import Image

WIDTH, HEIGHT, MM_PER_PX = 320, 240, 2.0
GREY = 70.0


class Rubber:
    """Makes frames of an empty belt with its own noise."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._rng, self._shape = np.random.default_rng(0), (height, width, 3)

    def __call__(self, light: Any = 1.0) -> Image:
        """(height, width, 3) uint8, `light` times as bright."""
        return np.clip(self._rng.normal(GREY, 3, self._shape) * light, 0, 255).astype(np.uint8)


def taught(width: int = WIDTH, height: int = HEIGHT, mm_per_px: float = MM_PER_PX) -> tuple[Presence, Rubber]:
    """A presence that knows its belt."""
    presence, rubber = Presence(*fields(width, height, mm_per_px)), Rubber(width, height)
    for _ in range(TEACH_FRAMES):
        presence.spots(rubber(), 10.0)
    return presence, rubber


def fields(width: int, height: int, mm_per_px: float) -> tuple[BeltConfig, Geometry]:
    """The settings of a belt that runs to the right."""
    config = BeltConfig(direction="right", speed_mm_s=400, mm_per_px=mm_per_px, line_mm=100)
    return config, Geometry(config, width, height)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480), (1280, 720)])
def test_an_item_is_boxed_where_it_lies(width: int, height: int) -> None:
    """At every size of picture, to a few millimetres: less along the belt, where its gate needs it."""
    presence, rubber = taught(width, height, 640 / width)
    frame = rubber()
    frame[height // 4 : height // 2, width // 4 : width // 2] = (200, 60, 40)

    spots = presence.spots(frame, 10.0)

    assert len(spots) == 1
    left, top, right, bottom = (edge * 640 / width for edge in spots[0].edges)
    assert (left, right) == pytest.approx((160, 320), abs=2.1)
    assert (top, bottom) == pytest.approx((height / 4 * 640 / width, height / 2 * 640 / width), abs=6)


def test_nothing_is_seen_while_the_belt_is_learnt() -> None:
    """Nothing and not ready until enough frames were seen."""
    presence, rubber = Presence(*fields(WIDTH, HEIGHT, MM_PER_PX)), Rubber()

    for _ in range(TEACH_FRAMES - 1):
        assert presence.spots(rubber(), 10.0) == []
        assert not presence.ready
    presence.spots(rubber(), 10.0)

    assert presence.ready


def test_with_a_reference_items_are_seen_at_once() -> None:
    """What lies on the belt when the line starts does not spoil it."""
    rubber = Rubber()
    reference = learnt_from([rubber() for _ in range(TEACH_FRAMES)])
    presence = Presence(*fields(WIDTH, HEIGHT, MM_PER_PX), reference)

    spots = presence.spots(with_item(rubber()), 10.0)

    assert len(spots) == 1


@pytest.mark.parametrize("mean", [0.6, 1.0, 1.4])
def test_the_light_is_no_item(mean: float) -> None:
    """Flicker, also when a rolling shutter makes bands of it, and light that drifts by 40 %."""
    presence, rubber = taught()
    rows = np.arange(HEIGHT)[:, None, None] / HEIGHT

    for number in range(60):
        light = (1 + (mean - 1) * number / 60) * (1 + 0.15 * np.sin(number * 2.4 + 19 * rows))
        assert presence.spots(rubber(light), 10.0) == [], number
    spots = presence.spots(with_item(rubber(mean)), 10.0)

    assert len(spots) == 1


def test_a_shadow_is_no_item_and_moves_none() -> None:
    """Softly darker belt alone is nothing; beside an item it is not a part of it."""
    presence, rubber = taught()
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    away_px = np.hypot(x - 180, y - 120)[:, :, None]
    shade = 1 - 0.5 * np.clip((45 - away_px) / 15, 0, 1)

    alone = presence.spots(rubber(shade), 10.0)
    beside = presence.spots(with_item(rubber(shade)), 10.0)

    assert alone == []
    assert [spot.edges[2] for spot in beside] == pytest.approx([180], abs=2)


def test_a_seam_is_no_item_and_hides_none() -> None:
    """A dark splice across the whole belt is nothing; what lies on it is still seen."""
    presence, rubber = taught()
    bare, laden = rubber(), rubber()
    for frame in (bare, laden):
        frame[:, 150:160] = 25
    laden = with_item(laden)

    assert presence.spots(bare, 10.0) == []
    assert [spot.edges for spot in presence.spots(laden, 10.0)] == [pytest.approx((120, 80, 180, 160), abs=6)]


def test_an_item_that_lies_across_a_narrow_belt_is_no_seam() -> None:
    """A stick of 260 mm across 360 mm of belt, shorter than the largest item; from rail to rail it would be a seam."""
    config = BeltConfig(direction="right", speed_mm_s=400, mm_per_px=MM_PER_PX, line_mm=100, max_item_mm=270)
    presence, rubber = Presence(config, Geometry(config, WIDTH, 180)), Rubber(WIDTH, 180)
    for _ in range(TEACH_FRAMES):
        presence.spots(rubber(), 10.0)
    stick, seam = rubber(), rubber()
    stick[30:160, 150:160] = 25
    seam[8:172, 150:160] = 25

    assert [spot.edges for spot in presence.spots(stick, 10.0)] == [pytest.approx((150, 30, 160, 160), abs=3)]
    assert presence.spots(seam, 10.0) == []


def test_shaking_is_no_item() -> None:
    """A rail in the picture that moves by two pixels of a camera of 640 to all sides."""
    presence, rubber = Presence(*fields(640, 480, 1.0)), Rubber(640, 480)

    def railed(by: int) -> Image:
        frame = rubber()
        frame[: 20 + by] = 160
        return frame

    for _ in range(TEACH_FRAMES):
        presence.spots(railed(0), 10.0)

    assert [presence.spots(railed(by), 10.0) for by in (-2, -1, 0, 1, 2)] == [[]] * 5


def test_dirt_is_no_item() -> None:
    """A thing smaller than the configured least size is not reported."""
    presence, rubber = taught()
    frame = rubber()
    frame[100:104, 100:104] = 255

    assert presence.spots(frame, 10.0) == []


def test_things_that_lie_apart_are_told_apart() -> None:
    """Twenty millimetres of belt between two, along it and across it."""
    presence, rubber = taught()
    frame = rubber()
    for top, left in ((40, 40), (40, 90), (90, 40)):
        frame[top : top + 40, left : left + 40] = 200

    assert len(presence.spots(frame, 10.0)) == 3


def test_two_bodies_that_touch_are_one_thing_and_said_to_be_several() -> None:
    """Two discs with a narrow neck; one disc is one."""
    presence, rubber = taught()
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    one = (x - 90) ** 2 + (y - 120) ** 2 < 40**2
    other = (x - 174) ** 2 + (y - 120) ** 2 < 40**2

    pair, single = rubber(), rubber()
    pair[one | other] = single[one] = 200

    assert several(presence.spots(pair, 10.0)) == [True]
    assert several(presence.spots(single, 10.0)) == [False]


def test_a_thing_with_a_long_waist_is_one() -> None:
    """Two knobs on a shaft, as a bone has them: where things touch, the neck is short."""
    presence, rubber = taught()
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    knobs = ((x - 80) ** 2 + (y - 120) ** 2 < 20**2) | ((x - 200) ** 2 + (y - 120) ** 2 < 20**2)
    bone = rubber()
    bone[knobs | ((abs(y - 120) < 7) & (x > 80) & (x < 200))] = 200

    assert several(presence.spots(bone, 10.0)) == [False]


@pytest.mark.parametrize("grey", [0, 250])
def test_a_view_that_shows_no_belt_is_blocked(grey: int) -> None:
    """A hand before the lens, or no light: no items, and it is said."""
    presence, rubber = taught()

    spots = presence.spots(np.full((HEIGHT, WIDTH, 3), grey, np.uint8), 10.0)
    blocked = presence.blocked
    presence.spots(rubber(), 10.0)

    assert spots == []
    assert blocked
    assert not presence.blocked


def test_what_stays_while_the_belt_passes_becomes_belt_and_what_stands_with_it_does_not() -> None:
    """Dirt on the lens is forgotten after some views' lengths of belt; an item on a belt that stands never is."""
    presence, rubber = taught()
    passes = round(STUCK_VIEWS * WIDTH * MM_PER_PX / 50) + 2

    standing = [len(presence.spots(with_item(rubber()), 0.0)) for _ in range(passes)]
    moving = [len(presence.spots(with_item(rubber()), 50.0)) for _ in range(passes + 8)]

    assert set(standing) == {1}
    assert moving[0] == 1
    assert moving[-1] == 0


def with_item(frame: Image) -> Image:
    """The frame with something red in its middle."""
    frame[80:160, 120:180] = (200, 60, 40)
    return frame


def several(spots: list[Spot]) -> list[bool]:
    """Which of them look like several things."""
    return [spot.several for spot in spots]


def test_crumbs_that_lie_together_are_no_item() -> None:
    """Three of 8 mm, 12 mm apart; a thing as large as all of them is one."""
    presence, rubber = taught()
    crumbs, thing = rubber(), rubber()
    for left in (100, 110, 120):
        crumbs[100:104, left : left + 4] = 200
    thing[100:104, 100:124] = 200

    assert presence.spots(crumbs, 10.0) == []
    assert len(presence.spots(thing, 10.0)) == 1


def test_both_ends_of_a_dark_handled_brush_are_one_thing() -> None:
    """What lies between them is belt to the camera."""
    presence, rubber = taught()
    frame = rubber()
    frame[100:108, 60:90] = frame[100:108, 102:130] = 200

    spots = presence.spots(frame, 10.0)

    assert [(spot.edges[0], spot.edges[2]) for spot in spots] == [pytest.approx((60, 130), abs=2)]


def test_an_item_that_is_seen_again_after_a_long_time_is_not_taken_for_dirt() -> None:
    """The camera was away while 100 m of belt passed: nobody knows whether something lay there all the time."""
    presence, rubber = taught()
    presence.spots(with_item(rubber()), 10.0)

    presence.spots(with_item(rubber()), 100_000.0)

    assert len(presence.spots(with_item(rubber()), 10.0)) == 1
