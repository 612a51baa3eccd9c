from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edge.belt.belt import Belt
from edge.belt.odometer import Odometer
from edge.belt.sightings import Crossing
from edge.config import BeltConfig
from edge.errors import ConfigError
from edge.preprocess import Image
from edge.sim.scene import Scene

WIDTH, HEIGHT = 320, 240
MM_PER_PX, SPEED_MM_S, FPS = 2.0, 400.0, 30
LINE_MM = 320.0
TURNED: dict[str, Callable[[Image], Image]] = {
    "right": lambda frame: frame,
    "left": lambda frame: frame[::-1, ::-1],
    "up": np.rot90,
    "down": lambda frame: np.rot90(frame, -1),
}
"""How to turn the scene's frames, whose belt moves to the right."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Five items."""
    return Scene(5, seed=5, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=SPEED_MM_S, lead_s=1.0)


@pytest.fixture(scope="module")
def film(scene: Scene) -> list[tuple[float, Image]]:
    """All frames of the scene with their times."""
    return [(n / FPS, scene.frame(n / FPS)) for n in range(round((scene.duration_s + 0.5) * FPS))]


@pytest.fixture(scope="module")
def plain(film: list[tuple[float, Image]]) -> list[tuple[float, Crossing]]:
    """What a belt that runs to the right makes of the film."""
    return list(crossings_in(Belt(settings("right"), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0)), film))


@pytest.mark.parametrize("direction", TURNED)
def test_every_item_crosses_once_in_time_and_place(
    scene: Scene, film: list[tuple[float, Image]], direction: str
) -> None:
    """Whichever way the belt runs: one crossing per item, at the frame after its true crossing, at its place across."""
    belt = Belt(settings(direction), *turned_size(direction), Odometer(SPEED_MM_S, 0))

    crossings = list(crossings_in(belt, ((t, TURNED[direction](frame)) for t, frame in film)))

    assert [crossing.sighting.item for _, crossing in crossings] == list(range(1, len(scene.items) + 1))
    assert len(crossings) == len(scene.items)
    for item, (t_s, crossing) in zip(scene.items, crossings, strict=True):
        late_s = t_s - scene.crosses_s(item, LINE_MM)
        assert late_s == pytest.approx(0, abs=0.06), item
        mark_mm = scene.crosses_s(item, LINE_MM) * SPEED_MM_S
        assert crossing.sighting.mark_mm == pytest.approx(mark_mm, abs=12), item
        assert crossing.sighting.x_mm == pytest.approx(item.y_mm, abs=12), item
        assert crossing.seen


def test_a_crossing_names_the_items_pixels(scene: Scene, plain: list[tuple[float, Crossing]]) -> None:
    """The box holds the item, to be cut out and classified: its extents are the truth's."""
    for item, (_, crossing) in zip(scene.items, plain, strict=True):
        box = crossing.sighting.box
        assert (box.right - box.left) * MM_PER_PX == pytest.approx(item.length_mm, abs=30), item
        assert (box.bottom - box.top) * MM_PER_PX == pytest.approx(item.width_mm, abs=30), item


def test_a_region_of_interest_shifts_boxes_and_positions(
    scene: Scene, film: list[tuple[float, Image]], plain: list[tuple[float, Crossing]]
) -> None:
    """Boxes are in the frame's pixels, positions count from the region's edge, what is outside is unseen."""
    left, top = 40, 30
    framed = ((t, bordered(frame, left, top)) for t, frame in film)
    belt = Belt(
        settings("right", roi=(left, top, WIDTH, HEIGHT)), WIDTH + 2 * left, HEIGHT + 2 * top, Odometer(SPEED_MM_S, 0)
    )

    shifted = list(crossings_in(belt, framed))

    assert len(shifted) == len(scene.items)
    for (_, one), (_, other) in zip(plain, shifted, strict=True):
        assert other.sighting.mark_mm == pytest.approx(one.sighting.mark_mm, abs=1)
        assert other.sighting.x_mm == pytest.approx(one.sighting.x_mm, abs=1)
        assert other.sighting.box == pytest.approx(
            (
                one.sighting.box.left + left,
                one.sighting.box.top + top,
                one.sighting.box.right + left,
                one.sighting.box.bottom + top,
            ),
            abs=1,
        )


def test_an_item_that_is_hidden_at_the_line_crosses_unseen(scene: Scene, film: list[tuple[float, Image]]) -> None:
    """The belt carries on what it saw: the crossing comes in time and says that nobody looked."""
    item = scene.items[2]
    crosses_s = scene.crosses_s(item, LINE_MM)
    empty = Scene(0, seed=5, width_px=WIDTH, height_px=HEIGHT, mm_per_px=MM_PER_PX, speed_mm_s=SPEED_MM_S)
    hidden = ((t, empty.frame(t) if crosses_s - 0.2 < t < crosses_s + 0.2 else frame) for t, frame in film)

    crossings = list(crossings_in(Belt(settings("right"), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0)), hidden))

    at_line = nearest(crossings, crosses_s)
    assert not at_line.seen
    assert at_line.sighting.mark_mm == pytest.approx(crosses_s * SPEED_MM_S, abs=6)
    assert Counter(crossing.sighting.item for _, crossing in crossings).most_common(1)[0][1] == 1


def test_a_blocked_view_decides_what_it_had_seen(scene: Scene, film: list[tuple[float, Image]]) -> None:
    """A hand before the lens: the item that was on its way still crosses, unseen, and the view counts as blocked."""
    crosses_s = scene.crosses_s(scene.items[2], LINE_MM)
    white = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    until = [(t, white if t > crosses_s - 0.2 else frame) for t, frame in film if t < crosses_s + 0.2]
    belt = Belt(settings("right"), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0))

    crossings = list(crossings_in(belt, until))

    assert belt.blocked
    assert not nearest(crossings, crosses_s).seen


def test_abandoned_items_are_given_out_once(scene: Scene, film: list[tuple[float, Image]]) -> None:
    """When the camera fails, each undecided item in view comes out once, unseen, where the belt has carried it."""
    crosses_s = scene.crosses_s(scene.items[2], LINE_MM)
    belt = Belt(settings("right"), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0))
    decided = [
        crossing for _, crossing in crossings_in(belt, [(t, frame) for t, frame in film if t < crosses_s - 0.15])
    ]

    left = belt.abandon(round((crosses_s - 0.05) * 1e9))

    assert left
    assert not any(crossing.seen for crossing in left)
    numbers = [crossing.sighting.item for crossing in (*left, *decided)]
    assert len(set(numbers)) == len(numbers)
    assert min(abs(crossing.sighting.mark_mm - crosses_s * SPEED_MM_S) for crossing in left) < 6
    assert belt.abandon(round(crosses_s * 1e9)) == ()


def test_a_glint_in_one_frame_is_no_item(film: list[tuple[float, Image]]) -> None:
    """What is seen once and never again crosses nothing."""
    belt = Belt(settings("right"), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0))
    empty = [(t, frame) for t, frame in film if t < 0.9]
    glint = empty[-3][1].copy()
    glint[100:140, 180:230] = 255
    empty[-3] = (empty[-3][0], glint)

    assert list(crossings_in(belt, empty)) == []
    assert belt.ready
    assert belt.abandon(10**9) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"roi": (0, 0, WIDTH + 1, HEIGHT)},
            r"belt.roi: expected a part of the picture of 320x240, found \[0, 0, 321, 240",
        ),
        ({"roi": (10, 10, WIDTH, 50)}, "belt.roi: expected a part of the picture"),
        ({"line_mm": WIDTH * MM_PER_PX}, "belt.line_mm: expected less than the view's 640 mm, found 640"),
        ({"direction": "down", "line_mm": 500}, "belt.line_mm: expected less than the view's 480 mm, found 500"),
        (
            {"min_item_mm": 6},
            r"belt.min_item_mm: expected at least 4 pixels, that is 8 mm at belt.mm_per_px = 2, found 6",
        ),
        ({"min_item_mm": 500}, "belt.min_item_mm: expected less than the view's shorter side of 480 mm, found 500"),
        ({"roi": (0, 0, 100, 100), "line_mm": 250}, "belt.line_mm: expected less than the view's 200 mm, found 250"),
    ],
)
def test_a_line_that_no_item_reaches_in_view_is_bad_configuration(changes: dict[str, Any], said: str) -> None:
    """A region or line outside the picture is found with the first frame, not by items that nobody decides."""
    with pytest.raises(ConfigError, match=said):
        Belt(settings(**{"direction": "right", **changes}), WIDTH, HEIGHT, Odometer(SPEED_MM_S, 0))


def settings(direction: Any, **changes: Any) -> BeltConfig:
    """The scene's belt."""
    fields = {"speed_mm_s": SPEED_MM_S, "mm_per_px": MM_PER_PX, "line_mm": LINE_MM, **changes}
    return BeltConfig(direction=direction, **fields)


def turned_size(direction: str) -> tuple[int, int]:
    """Width and height of the turned frames."""
    return (WIDTH, HEIGHT) if direction in {"right", "left"} else (HEIGHT, WIDTH)


def crossings_in(belt: Belt, frames: Any) -> Iterator[tuple[float, Crossing]]:
    """Every crossing with the time of its frame."""
    for t_s, frame in frames:
        yield from ((t_s, crossing) for crossing in belt.see(np.ascontiguousarray(frame), round(t_s * 1e9)).crossings)


def nearest(crossings: list[tuple[float, Crossing]], t_s: float) -> Crossing:
    """The crossing at about this time."""
    return min(crossings, key=lambda crossing: abs(crossing[0] - t_s))[1]


def bordered(frame: Image, left: int, top: int) -> Image:
    """The frame within a restless border."""
    noise = np.random.default_rng(int(frame[0, 0, 0])).integers(
        0, 256, (HEIGHT + 2 * top, WIDTH + 2 * left, 3), np.uint8
    )
    noise[top : top + HEIGHT, left : left + WIDTH] = frame
    return noise
