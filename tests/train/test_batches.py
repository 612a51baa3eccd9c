"""Batches: one shape, reproducible, in the promised mixture."""

import numpy as np
import pytest
from numpy.typing import NDArray

from train.augment import augmenter
from train.batches import Lessons, class_weights, open_batches, shuffled

OWN, EXTRA, BATCH = 30, 50, 8


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Photo i is filled with the value i."""
    return np.full((OWN + EXTRA, 32, 32, 3), np.arange(OWN + EXTRA, dtype=np.uint8)[:, None, None, None])


def test_batches_are_the_same_however_they_are_asked_for(images: NDArray[np.uint8]) -> None:
    """Preparing ahead in threads, or asking twice, changes no batch; the next epoch has other ones."""
    order = shuffled(OWN, EXTRA, 0.25, BATCH, seed=3)

    with (
        open_batches(images, order, BATCH, augmenter(1.0), seed=3) as forwards,
        open_batches(images, order, BATCH, augmenter(1.0), seed=3) as backwards,
    ):
        there = [forwards[index][0] for index in range(len(forwards))]
        again = [forwards[index][0] for index in range(len(forwards))]
        back = [backwards[index][0] for index in reversed(range(len(backwards)))][::-1]
        forwards.on_epoch_end()
        later = [forwards[index][0] for index in range(len(forwards))]

    assert np.array_equal(there, back)
    assert np.array_equal(there, again)
    assert not np.array_equal(there, later)


def test_every_batch_has_the_same_shape_and_its_own_lessons(images: NDArray[np.uint8]) -> None:
    """XLA compiles once, and target and weight stay with their photo."""
    places = np.arange(OWN + EXTRA, dtype=np.float32)
    lessons = Lessons(np.eye(OWN + EXTRA, dtype=np.float32), places)

    with open_batches(images, shuffled(OWN, EXTRA, 0.25, BATCH, seed=0), BATCH, lessons=lessons) as batches:
        got = [batches[index] for index in range(len(batches))]

    for photos, targets, weights in got:
        assert photos.shape == (BATCH, 32, 32, 3)
        assert np.array_equal(photos[:, 0, 0, 0], targets.argmax(axis=1))
        assert np.array_equal(photos[:, 0, 0, 0], weights)


def test_extra_photos_take_their_share_of_an_epoch() -> None:
    """With a share of a quarter, 30 own photos come once each with 10 of the extra ones."""
    order = shuffled(OWN, EXTRA, 0.25, batch=1, seed=0)

    epoch = order(0)

    assert sorted(epoch[epoch < OWN]) == list(range(OWN))
    assert len(set(epoch[epoch >= OWN])) == 10
    assert set(epoch[epoch >= OWN]) != set(order(1)[order(1) >= OWN])


def test_rare_classes_weigh_more() -> None:
    """Every class has the same total weight, and the mean photo weighs one."""
    counts = np.array([10.0, 30.0, 60.0])

    weights = class_weights(counts)

    assert np.allclose(weights * counts, 100 / 3)
    assert np.isclose((weights * counts).sum() / counts.sum(), 1)
