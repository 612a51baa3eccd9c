"""Views: what is drawn depends on the generator alone, and strength scales all of it."""

from dataclasses import replace

import numpy as np
import pytest

from train.views import WIDTH, Variety, draw, fields, partner_share

SIZE = 64
EVERYTHING = Variety(strength=1.0, turn=180.0, backgrounds=0.5, mixup=0.4, cutmix=1.0)


def test_the_same_generator_draws_the_same_views() -> None:
    """Seed, epoch and batch say all about a batch's views, and no two photos or batches get the same one."""
    places = [(0, epoch, batch) for epoch in range(3) for batch in range(3)]

    first = [draw(np.random.default_rng(place), 16, SIZE, EVERYTHING) for place in places]
    again = [draw(np.random.default_rng(place), 16, SIZE, EVERYTHING) for place in places]

    assert np.array_equal(first, again)
    assert np.shape(first) == (9, 16, WIDTH)
    assert len(np.unique(np.concatenate(first), axis=0)) == 9 * 16


def test_strength_zero_draws_nothing_that_shows() -> None:
    """No movement, no colour, no blur, no noise, no rectangle, no belt, no partner."""
    drawn = fields(draw(np.random.default_rng(0), 50, SIZE, Variety(strength=0.0)))

    assert np.all(drawn["to_source"] == [1, 0, 0, 0, 1, 0])
    assert np.all(drawn["colour"] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    assert np.all(drawn["belt"] < 0)
    assert not any(drawn[name].any() for name in ("blur", "blend", "paste"))
    assert not drawn["noise"][:, 0].any()
    assert not drawn["erase"][:, 2:].any()


def test_a_photo_is_turned_as_far_as_allowed() -> None:
    """With 25 degrees at strength 1, half of it at strength 0.5; with 180, any way round."""

    def furthest(variety: Variety) -> float:
        linear = fields(draw(np.random.default_rng(1), 2000, SIZE, variety))["to_source"]
        angles = np.degrees(np.arctan2(linear[:, 3], linear[:, 0])) % 180  # a flip adds 180
        return float(np.minimum(angles, 180 - angles).max())

    assert furthest(Variety(1.0, turn=25.0)) == pytest.approx(25, abs=0.5)
    assert furthest(Variety(0.5, turn=25.0)) == pytest.approx(12.5, abs=0.5)
    assert furthest(Variety(1.0, turn=180.0)) > 89


def test_the_partner_s_share_is_that_of_its_pixels() -> None:
    """A pasted piece lies inside the picture, and its area is what the targets are mixed by."""
    draws = draw(np.random.default_rng(2), 500, SIZE, replace(EVERYTHING, mixup=0.0))
    top, left, height, width = fields(draws)["paste"].T

    share = partner_share(draws, SIZE)

    assert np.allclose(share, height * width / SIZE**2)
    assert np.all((top >= 0) & (left >= 0) & (top + height <= SIZE) & (left + width <= SIZE))
    assert share.max() > 0.5
    assert share.min() < 0.1


def test_mixup_and_cutmix_take_turns() -> None:
    """Where both are on, a photo is blended or pasted into, never both, and each about as often."""
    drawn = fields(draw(np.random.default_rng(3), 1000, SIZE, EVERYTHING))
    blended, pasted = drawn["blend"][:, 0] > 0, drawn["paste"][:, 2] > 0

    assert not np.any(blended & pasted)
    assert 0.4 < blended.mean() < 0.6


def test_every_rectangle_and_strip_lies_inside() -> None:
    """At any strength, erasing and noise read nothing beyond their picture and strip."""
    for strength in (0.1, 1.0, 3.0):
        drawn = fields(draw(np.random.default_rng(4), 500, SIZE, Variety(strength)))

        assert np.all(drawn["erase"][:, :2] + drawn["erase"][:, 2:] <= SIZE)
        assert np.all(drawn["noise"][:, 1] <= 7 * SIZE)
