from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.belt.geometry import Thing
from edge.belt.tracks import Track, Tracks

VIEW_MM, LINE_MM = 600.0, 400.0
STEP_NS = 10_000_000


class Rig:
    """Items that lie on a belt, the part of them that is in view, and the tracks of what is seen."""

    def __init__(self, *items: Thing, first_item: int = 1) -> None:
        self.items, self.at_mm, self.now_ns = items, 0.0, 0
        self.tracks = Tracks(LINE_MM, VIEW_MM - LINE_MM, first_item)
        self.crossed: list[Track] = []

    def visible(self) -> list[Thing]:
        """What is in view, cut by its edges."""
        downstream = self.at_mm - (VIEW_MM - LINE_MM)
        upstream = self.at_mm + LINE_MM
        return [
            replace(
                item,
                front_mm=max(item.front_mm, downstream),
                rear_mm=min(item.rear_mm, upstream),
                front_cut=item.front_mm < downstream,
                rear_cut=item.rear_mm > upstream,
            )
            for item in self.items
            if item.rear_mm > downstream + 5 and item.front_mm < upstream - 5
        ]

    def step(self, moved_mm: float, things: list[Thing] | None = None) -> list[Track]:
        """One frame after the belt moved."""
        self.at_mm += moved_mm
        self.now_ns += STEP_NS
        seen = self.tracks.see(self.visible() if things is None else things, self.at_mm, self.now_ns)
        self.crossed += self.tracks.cross(self.at_mm)
        return seen

    def run(self, to_mm: float, step_mm: float = 10.0) -> None:
        """Carry the belt to a reading."""
        while self.at_mm < to_mm:
            self.step(step_mm)


def item(front_mm: float, length_mm: float = 80.0, left_mm: float = 100.0, width_mm: float = 80.0) -> Thing:
    """A thing that has not come into view when the belt starts, for fronts beyond 400."""
    return Thing(front_mm, front_mm + length_mm, left_mm, left_mm + width_mm)


def test_an_item_crosses_once_when_its_centre_is_at_the_line() -> None:
    """Its mark is its centre's, known before it crosses, and it crosses at the first frame at or after it."""
    rig = Rig(item(450))

    rig.run(480)
    before = list(rig.crossed)
    rig.run(1500)

    assert before == []
    assert [track.item for track in rig.crossed] == [1]
    assert rig.crossed[0].mark_mm == pytest.approx(490)


def test_a_belt_that_stands_keeps_its_items_and_decides_them_once() -> None:
    """For some time nothing moves, before the line and on it: the item is still known, and crosses once."""
    rig = Rig(item(450))

    rig.run(300)
    for _ in range(600):
        seen = rig.step(0.0)
    rig.run(495)
    for _ in range(600):
        rig.step(0.0)
    rig.run(1500)

    assert [track.item for track in seen] == [1]
    assert [track.item for track in rig.crossed] == [1]


def test_an_item_that_comes_back_is_not_decided_again() -> None:
    """The belt runs back until the decided item has left at the entrance, and forward again."""
    rig = Rig(item(450))

    rig.run(700)
    for _ in range(90):
        rig.step(-10.0)
    rig.run(1500)

    assert [track.item for track in rig.crossed] == [1]


def test_what_does_not_ride_the_belt_is_no_item() -> None:
    """Glare and dirt on the lens stay in the picture while the belt moves under them."""
    rig = Rig()

    for _ in range(200):
        at = rig.at_mm + 10
        rig.step(10.0, [item(at, 60)])

    assert rig.crossed == []
    assert rig.tracks.abandon() == []


def test_a_drop_on_the_lens_whose_rim_creeps_is_no_item() -> None:
    """One of its ends seems to ride the belt for a while, and the other stays in the picture."""
    rig = Rig()

    for _ in range(10):
        at = rig.at_mm + 10
        rig.step(10.0, [Thing(-30, at + 60, 100, 160)])

    assert rig.tracks.abandon() == []


def test_numbers_go_on_from_where_they_are_told() -> None:
    """A number is given when something is known to be an item, so that none is wasted on a glint."""
    rig = Rig(item(450), item(700), first_item=7)
    rig.step(10.0, [item(0, 30)])

    rig.run(1500)

    assert [track.item for track in rig.crossed] == [7, 8]


def test_items_that_are_seen_as_one_for_a_while_stay_two_and_are_flagged() -> None:
    """Two that were seen by themselves and then touch cross once each, at their own marks."""
    one, other = item(450), item(560)
    rig = Rig(one, other)

    rig.run(300)
    for _ in range(10):
        rig.step(10.0, [one.joined(other)])
    rig.run(1500)

    assert [track.mark_mm for track in rig.crossed] == pytest.approx([490, 600])
    assert all(track.touching for track in rig.crossed)


def test_an_item_that_falls_into_parts_for_a_while_stays_one() -> None:
    """A bottle whose clear middle is lost in some frames keeps its mark and its one crossing."""
    bottle = item(450, 120)
    rig = Rig(bottle)

    rig.run(250)
    for _ in range(8):
        rig.step(10.0, [replace(bottle, rear_mm=490), replace(bottle, front_mm=530)])
    rig.run(1500)

    assert len(rig.crossed) == 1
    assert rig.crossed[0].mark_mm == pytest.approx(510, abs=1)
    assert rig.crossed[0].touching


def test_neighbours_that_entered_as_one_come_apart() -> None:
    """Two items that were one thing in the first frames, and two in all later ones, cross each."""
    one, other = item(450), item(552)
    rig = Rig(one, other)

    rig.run(100)
    for _ in range(3):
        rig.step(10.0, [replace(one.joined(other), rear_cut=True, rear_mm=rig.at_mm + LINE_MM)])
    rig.run(1500)

    assert [track.mark_mm for track in rig.crossed] == pytest.approx([490, 592], abs=1)


def test_abandoned_items_are_known_when_they_are_seen_again() -> None:
    """What was given out undecided is not given out again."""
    rig = Rig(item(450))

    rig.run(300)
    left = rig.tracks.abandon()
    rig.run(1500)

    assert [track.item for track in left] == [1]
    assert rig.crossed == []


@st.composite
def belts(draw: st.DrawFn) -> list[Thing]:
    """Items one after another and side by side, at least 20 mm apart."""
    things, front_mm = [], 450.0
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.floats(25, 400))
        things.append(item(front_mm, length, 10, draw(st.floats(25, 180))))
        if draw(st.booleans()):
            things.append(item(front_mm + draw(st.floats(0, 60)), length, 215, draw(st.floats(25, 180))))
        front_mm += length + 60 + draw(st.floats(20, 300))
    return things


@settings(deadline=None, max_examples=15)
@given(
    things=belts(),
    moves=st.lists(st.sampled_from([0.0, 3.0, 17.0, 28.0, -12.0]), min_size=5, max_size=60),
    dropped=st.sets(st.integers(0, 400)),
    broken=st.sets(st.integers(0, 400)),
    seed=st.integers(0, 1 << 32),
)
def test_every_item_crosses_exactly_once(
    things: list[Thing], moves: list[float], dropped: set[int], broken: set[int], seed: int
) -> None:
    """Whatever the belt does, and whatever frames are lost, jitter or show things in parts: one crossing each."""
    rig, noise = Rig(*things), Random(seed)
    end_mm = max(thing.rear_mm for thing in things) + 700
    turn = 0

    while rig.at_mm < end_mm:
        move = moves[turn % len(moves)] if turn < 300 else 15.0
        seen = [jittered(thing, noise) for thing in Rig.visible(moved(rig, move))]
        if turn in broken and turn % 4 == 1:
            seen = [part for thing in seen for part in parts(thing)]
        rig.step(move, [] if turn in dropped and turn % 4 else seen)
        turn += 1

    assert len(rig.crossed) == len(things)
    assert len({track.item for track in rig.crossed}) == len(things)
    marks = sorted((thing.front_mm + thing.rear_mm) / 2 for thing in things)
    assert sorted(track.mark_mm for track in rig.crossed) == pytest.approx(marks, abs=6)


def moved(rig: Rig, by_mm: float) -> Rig:
    """Another rig with the same items, after the belt moved."""
    other = Rig(*rig.items)
    other.at_mm = rig.at_mm + by_mm
    return other


def parts(thing: Thing) -> list[Thing]:
    """The thing when a stretch in its middle does not show; small ones have no middle."""
    middle = (thing.front_mm + thing.rear_mm) / 2
    if thing.rear_mm - thing.front_mm < 60:
        return [thing]
    return [replace(thing, rear_mm=middle - 6, rear_cut=False), replace(thing, front_mm=middle + 6, front_cut=False)]


def jittered(thing: Thing, noise: Random) -> Thing:
    """With ends that are seen up to 3 mm from where they are."""
    by = [noise.uniform(-3, 3) for _ in range(4)]
    return replace(
        thing,
        front_mm=thing.front_mm + by[0],
        rear_mm=thing.rear_mm + by[1],
        left_mm=thing.left_mm + by[2],
        right_mm=thing.right_mm + by[3],
    )
