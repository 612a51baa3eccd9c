"""Batches: one shape, reproducible, in the promised mixture."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from train.batches import Targets, Views, class_weights, open_batches, shuffled
from train.views import Variety, partner_share

OWN, EXTRA, BATCH = 30, 50, 8
VARIED = Views(Variety(strength=1.0))


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Photo i is filled with the value i."""
    return np.full((OWN + EXTRA, 32, 32, 3), np.arange(OWN + EXTRA, dtype=np.uint8)[:, None, None, None])


def same(some: list[Any], others: list[Any]) -> bool:
    """Whether both hold the same arrays."""
    pairs = zip(some, others, strict=True)
    return all(np.array_equal(one[name], other[name]) for one, other in pairs for name in ("photo", "draws"))


def test_batches_are_the_same_however_they_are_asked_for(images: NDArray[np.uint8]) -> None:
    """Preparing ahead in threads, or asking twice, changes no batch; the next epoch has other ones."""
    order = shuffled(OWN, EXTRA, 0.25, BATCH, seed=3)

    with (
        open_batches(images, order, BATCH, VARIED, seed=3) as forwards,
        open_batches(images, order, BATCH, VARIED, seed=3) as backwards,
    ):
        there = [forwards[index][0] for index in range(len(forwards))]
        again = [forwards[index][0] for index in range(len(forwards))]
        back = [backwards[index][0] for index in reversed(range(len(backwards)))][::-1]
        forwards.begin(1)
        later = [forwards[index][0] for index in range(len(forwards))]
        forwards.begin(0)
        returned = [forwards[index][0] for index in range(len(forwards))]

    assert same(there, back)
    assert same(there, again)
    assert same(there, returned)
    assert not any(np.array_equal(one["draws"], other["draws"]) for one, other in zip(there, later, strict=True))


def test_every_batch_has_the_same_shape_and_its_own_lessons(images: NDArray[np.uint8]) -> None:
    """XLA compiles once, and target and weight stay with their photo."""
    places = np.arange(OWN + EXTRA, dtype=np.float32)
    targets = Targets(np.eye(OWN + EXTRA, dtype=np.float32), places)

    with open_batches(images, shuffled(OWN, EXTRA, 0.25, BATCH, seed=0), BATCH, targets=targets) as batches:
        got = [batches[index] for index in range(len(batches))]

    for photos, targets, weights in got:
        assert photos.shape == (BATCH, 32, 32, 3)
        assert np.array_equal(photos[:, 0, 0, 0], targets.argmax(axis=1))
        assert np.array_equal(photos[:, 0, 0, 0], weights)


def test_mixed_photos_teach_in_proportion(images: NDArray[np.uint8]) -> None:
    """A mixed photo's loss is that of both, weighted by share and by weight; its target still sums to one."""
    rng = np.random.default_rng(0)
    of_photos = Targets(np.eye(OWN + EXTRA, dtype=np.float32), rng.uniform(0.5, 2, OWN + EXTRA).astype(np.float32))
    losses = rng.uniform(1, 3, OWN + EXTRA)  # cross-entropy is linear in the target: minus log p of each class
    order = shuffled(OWN, EXTRA, 0.25, BATCH, seed=0)

    with open_batches(images, order, BATCH, Views(Variety(1.0, mixup=0.4, cutmix=1.0)), 0, of_photos) as batches:
        inputs, targets, weights = batches[0]

    share, chosen = partner_share(inputs["draws"], 32), order(0)[:BATCH]
    single = of_photos.weights[chosen] * losses[chosen]
    assert np.allclose(targets.sum(axis=1), 1)
    assert np.count_nonzero(targets[0]) == 2
    assert np.allclose(weights * (targets @ losses), (1 - share) * single + share * np.roll(single, 1), rtol=1e-4)


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
