"""Augmentation: another view of the same photo, never another kind of array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.augment import augment, augmenter


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """A grey ramp with a red corner."""
    ramp = np.tile(np.linspace(0, 255, 48, dtype=np.uint8)[:, None, None], (1, 48, 3))
    ramp[:12, :12] = (255, 0, 0)
    return ramp


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), strength=st.floats(0.01, 3))
def test_a_view_is_a_photo_of_the_same_shape(seed: int, strength: float) -> None:
    """Whatever is drawn at whatever strength, a view is (size, size, 3) uint8 and its original stays untouched."""
    photo = np.arange(40 * 40 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 40, 3)
    before = photo.copy()

    view = augment(photo, np.random.default_rng(seed), strength)

    assert view.shape == photo.shape
    assert view.dtype == np.uint8
    assert np.array_equal(photo, before)


def test_the_same_seed_gives_the_same_view(photo: NDArray[np.uint8]) -> None:
    """A view depends on the generator alone."""
    seeds = range(20)

    first = [augment(photo, np.random.default_rng(seed)) for seed in seeds]
    again = [augment(photo, np.random.default_rng(seed)) for seed in seeds]

    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert len({view.tobytes() for view in first}) == len(seeds)


def test_a_stronger_augmentation_changes_more(photo: NDArray[np.uint8]) -> None:
    """Strength scales every kind: views of the same draws are further from those of strength 0.01."""
    seeds = range(40)

    def mean_change(strength: float) -> float:
        base = [augment(photo, np.random.default_rng(seed), 0.01).astype(float) for seed in seeds]
        views = [augment(photo, np.random.default_rng(seed), strength).astype(float) for seed in seeds]
        return float(np.mean([np.abs(view - start).mean() for view, start in zip(views, base, strict=True)]))

    assert mean_change(0.1) < mean_change(0.5) < mean_change(1.0)


def test_strength_zero_is_no_augmentation() -> None:
    """Nobody pays for views that would equal their photo."""
    assert augmenter(0) is None
