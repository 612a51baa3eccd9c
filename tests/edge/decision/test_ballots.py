from typing import Any

import cv2
import numpy as np
import pytest

from edge.belt.sightings import Sighting
from edge.config import VoteConfig
from edge.decision.ballots import Ballots, sharpness
from edge.preprocess import Box, Image

SURE, UNSURE = [0.99, 0.01], [0.6, 0.4]


def texture(seed: int = 0) -> Image:
    """A sharp picture of something."""
    return np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)


def blurred(image: Image) -> Image:
    """The same, out of focus."""
    return np.asarray(cv2.GaussianBlur(image, (5, 5), 0), np.uint8)


def item(number: int = 1, mark_mm: float = 300.0, **changes: Any) -> Sighting:
    """An item whose centre is at the line when the odometer reads `mark_mm`."""
    fields = {"whole": True, "touching": False, **changes}
    return Sighting(number, Box(0, 0, 9, 9), mark_mm, x_mm=0, length_mm=50, width_mm=50, **fields)


def ride(
    ballots: Ballots, answer: list[float], *, mark_mm: float = 300.0, step_mm: float = 10.0, crop: Image | None = None
) -> list[float]:
    """Look at one item at every step of its way from 0 to the line, classify what is due; where that was."""
    asked_mm = []
    for position_mm in np.arange(0, mark_mm, step_mm).tolist():
        track = item(mark_mm=mark_mm)
        if ballots.wants(track, position_mm):
            ballots.look(track, texture() if crop is None else crop)
        for number in ballots.due(position_mm):
            ballots.cast(number, answer, position_mm)
            asked_mm.append(position_mm)
    return asked_mm


def test_sharpness_falls_with_focus() -> None:
    """A plain surface has none."""
    assert sharpness(texture()) > 3 * sharpness(blurred(texture())) > 0
    assert sharpness(np.full((32, 32, 3), 90, np.uint8)) == 0


@pytest.mark.parametrize("frames", [1, 3, 5])
def test_the_budget_is_spread_over_the_items_way(frames: int) -> None:
    """No more looks than may vote, evenly far from each other, and the last one before the line."""
    asked_mm = ride(Ballots(VoteConfig(frames=frames)), UNSURE)

    assert len(asked_mm) == frames
    assert asked_mm == pytest.approx([300 * (n + 1) / (frames + 1) for n in range(frames)], abs=10)


def test_a_clear_item_is_asked_about_less() -> None:
    """Two looks that agree and are sure leave nothing to find out."""
    ballots = Ballots(VoteConfig(frames=5, lead=0.9))

    assert len(ride(ballots, SURE)) == 2
    assert ballots.take(1).probabilities()[0] == pytest.approx(0.99, abs=0.001)


def test_the_sharpest_whole_look_of_a_stretch_is_taken() -> None:
    """Whole before free, free before sharp, sharp before blurred."""
    ballots, best = Ballots(VoteConfig(frames=1)), texture(4)
    looks = [
        (item(whole=False), texture(1)),
        (item(touching=True), texture(2)),
        (item(), blurred(texture(3))),
        (item(), best),
        (item(), blurred(texture(5))),
    ]

    for track, crop in looks:
        assert ballots.wants(track, 0)
        ballots.look(track, crop)

    assert ballots.due(200) == [1]
    assert (ballots.crops([1])[0] == best).all()


def test_an_item_that_was_never_whole_waits_for_the_line() -> None:
    """A part is classified only when nothing better came until the item must be decided."""
    ballots = Ballots(VoteConfig())
    track = item(whole=False)
    ballots.wants(track, 0)
    ballots.look(track, texture())

    assert ballots.due(299) == []
    assert ballots.unvoted(1, whole=False)
    assert not ballots.unvoted(1, whole=True)


def test_the_next_to_cross_comes_first() -> None:
    """Who has least time left is asked about first."""
    ballots = Ballots(VoteConfig())
    for number, mark_mm in ((1, 500.0), (2, 300.0), (3, 400.0)):
        ballots.wants(item(number, mark_mm), 0)
        ballots.look(item(number, mark_mm), texture())

    assert ballots.due(290) == [2, 3, 1]


def test_what_is_decided_or_long_past_is_forgotten() -> None:
    """Nothing is held of items that nobody asks for any more."""
    ballots = Ballots(VoteConfig())
    ride(ballots, UNSURE)

    assert ballots.take(1).frames == 5
    assert ballots.take(1).frames == 0
    ride(ballots, UNSURE)
    assert ballots.due(10_000) == []
    assert ballots.frames(1) == 0
