import numpy as np
import pytest

from edge.preprocess import Box, Image
from edge.presence import TEACH_FRAMES, Presence, merge_overlapping

WIDTH, HEIGHT = 320, 240


def test_an_item_is_boxed_where_it_lies() -> None:
    """On a noisy belt, once it is known, a thing is boxed within a few pixels, in the frame's own pixels."""
    presence, belt = taught(frame_width=640, frame_height=480)
    frame = belt()
    frame[100:220, 300:460] = (200, 60, 40)

    boxes = presence.boxes(frame)

    assert len(boxes) == 1
    assert boxes[0] == pytest.approx((300, 100, 460, 220), abs=8)


def test_nothing_is_seen_while_the_belt_is_learnt() -> None:
    """No boxes and not ready until enough frames were seen."""
    presence, belt = Presence(2.0, 25, WIDTH), Belt(WIDTH, HEIGHT)

    for _ in range(TEACH_FRAMES - 1):
        assert presence.boxes(belt()) == []
        assert not presence.ready
    presence.boxes(belt())

    assert presence.ready


def test_the_empty_belt_holds_nothing() -> None:
    """Sensor noise and a slowly changing light are no items."""
    presence, belt = taught()

    for step in range(60):
        brighter = np.clip(belt().astype(int) + step // 4, 0, 255).astype(np.uint8)
        assert presence.boxes(brighter) == []


def test_dirt_is_no_item() -> None:
    """A thing smaller than the configured least size is not reported."""
    presence, belt = taught()
    frame = belt()
    frame[100:104, 100:104] = 255

    assert presence.boxes(frame) == []


def test_a_thing_in_two_parts_is_one_item() -> None:
    """A transparent bottle with a visible cap and label: parts nearer than the least size are joined."""
    presence, belt = taught()
    frame = belt()
    frame[100:140, 100:130] = 220
    frame[100:140, 135:160] = 220

    assert len(presence.boxes(frame)) == 1


def test_two_things_are_two_items() -> None:
    """Items that lie apart are told apart."""
    presence, belt = taught()
    frame = belt()
    frame[40:80, 40:80] = 220
    frame[140:180, 200:240] = 220

    assert len(presence.boxes(frame)) == 2


def test_a_view_that_changes_as_a_whole_is_blocked_and_learnt_anew() -> None:
    """Something before the lens gives no items; when it stays, as a new light does, it becomes the belt."""
    presence, belt = taught()

    for _ in range(TEACH_FRAMES):
        assert not presence.boxes(brightened(belt()))
        assert presence.blocked
    seen = presence.boxes(brightened(belt()))

    assert seen == []
    assert not presence.blocked


def test_an_item_that_passes_leaves_no_ghost() -> None:
    """Where an item lay for a second there is empty belt afterwards."""
    presence, belt = taught()

    for _ in range(30):
        frame = belt()
        frame[100:140, 100:160] = 220
        presence.boxes(frame)

    assert presence.boxes(belt()) == []


def test_boxes_that_overlap_are_joined_until_none_do() -> None:
    """A third box may join two that did not touch."""
    left, right, bridge = Box(0, 0, 10, 10), Box(20, 0, 30, 10), Box(5, 5, 25, 8)

    assert merge_overlapping([left, right]) == [left, right]
    assert merge_overlapping([left, right, bridge]) == [Box(0, 0, 30, 10)]
    assert merge_overlapping([]) == []


class Belt:
    """Makes frames of an empty belt."""

    def __init__(self, width: int, height: int) -> None:
        self._rng, self._shape = np.random.default_rng(0), (height, width, 3)

    def __call__(self) -> Image:
        """(height, width, 3) uint8."""
        return np.clip(self._rng.normal(70, 4, self._shape), 0, 255).astype(np.uint8)


def taught(frame_width: int = WIDTH, frame_height: int = HEIGHT) -> tuple[Presence, Belt]:
    """A presence that knows its belt, where a frame's width is 640 mm."""
    presence, belt = Presence(640 / frame_width, 25, frame_width), Belt(frame_width, frame_height)
    for _ in range(TEACH_FRAMES):
        presence.boxes(belt())
    return presence, belt


def brightened(frame: Image) -> Image:
    """Under a light that was turned on."""
    return np.clip(frame.astype(int) + 90, 0, 255).astype(np.uint8)
