"""Batches of one shape for Keras, gathered a few ahead in threads; the same seed gives the same batches."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train.augment import DRAWS, ITEM, PHOTO
from train.backgrounds import Items, find_items
from train.photos import THREADS
from train.views import Draws, Variety, draw, partner_share

Order = Callable[[int], NDArray[np.int64]]
"""Epoch number -> which photos in which order; a whole number of batches."""

GATHERERS = min(4, THREADS)
"""Threads: one alone copies 8,000 photos of 224 px a second, outside Python's lock, while memory holds them."""
AHEAD = 2 * GATHERERS
"""Batches in preparation or ready."""


@dataclass(frozen=True)
class Targets:
    """What a batch teaches, photo by photo: one-hot targets (N, classes) and weights (N,), float32."""

    one_hot: NDArray[np.float32]
    weights: NDArray[np.float32]

    def of(self, chosen: NDArray[np.int64]) -> "Targets":
        """Those of the chosen photos."""
        return Targets(self.one_hot[chosen], self.weights[chosen])

    def mixed(self, share: NDArray[np.float32]) -> "Targets":
        """Each with `share` (N,) of the one before it: its loss is the weighted mean of both losses."""
        own, other = (1 - share) * self.weights, share * np.roll(self.weights, 1)
        weights = own + other
        part = (other / np.maximum(weights, np.finfo(np.float32).tiny))[:, None]
        one_hot = (1 - part) * self.one_hot + part * np.roll(self.one_hot, 1, axis=0)
        return Targets(np.asarray(one_hot, np.float32), weights)


@dataclass(frozen=True)
class Views:
    """How photos are varied on their way into the network."""

    variety: Variety
    items: Items | None = None
    """Needed where `variety` has backgrounds."""

    def inputs(self, photos: Image, chosen: NDArray[np.int64], draws: Draws) -> dict[str, NDArray[Any]]:
        """What an augmented network takes."""
        inputs: dict[str, NDArray[Any]] = {PHOTO: photos, DRAWS: draws}
        return {**inputs, ITEM: self.items.of(chosen)} if self.items else inputs


PLAIN = Views(Variety(strength=0))
"""Photos as they are."""


def views_of(images: Image, variety: Variety) -> Views:
    """Views of the photos `images`, (N, size, size, 3) uint8 RGB, whose items are found where `variety` needs them."""
    return Views(variety, find_items(images) if variety.backgrounds else None)


class PhotoBatches(keras.utils.PyDataset):
    """Batch i of an epoch is a pure function of (seed, epoch, i), so preparing ahead changes nothing.

    Keras' own worker threads are not used: they keep batches of one epoch for the next, as many as time allows.
    Under JAX and torch the threads send batches to the device, too; left to Keras' loop, steps would wait for it.
    """

    def __init__(
        self, images: Image, order: Order, batch: int, views: Views, seed: int, targets: Targets | None = None
    ) -> None:
        super().__init__()
        self._images, self._order_of, self._batch = images, order, batch
        self._views, self._seed, self._targets = views, seed, targets
        self._pool = ThreadPoolExecutor(GATHERERS, "batches")
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Go to that epoch, which Keras does not tell: it also ends one before the first."""
        self._epoch, self._order = epoch, self._order_of(epoch)
        self._coming: dict[int, Future[tuple[Any, ...]]] = {}

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Photos (batch, size, size, 3) uint8, or what an augmented network takes; for training targets and weights."""
        for ahead in range(index, min(index + AHEAD, len(self))):
            if ahead not in self._coming:
                self._coming[ahead] = self._pool.submit(self._prepare, self._epoch, ahead, self._chosen(ahead))
        return self._coming.pop(index).result()

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _chosen(self, index: int) -> NDArray[np.int64]:
        return self._order[index * self._batch : (index + 1) * self._batch]

    def _prepare(self, epoch: int, index: int, chosen: NDArray[np.int64]) -> tuple[Any, ...]:
        photos = np.take(self._images, chosen, axis=0)
        targets = self._targets.of(chosen) if self._targets else None
        variety = self._views.variety
        if not variety.varies:
            return _batch(photos, targets)
        draws = draw(np.random.default_rng((self._seed, epoch, index)), len(chosen), photos.shape[1], variety)
        if targets and variety.mixes:
            targets = targets.mixed(partner_share(draws, photos.shape[1]))
        return _batch(self._views.inputs(photos, chosen, draws), targets)


def _batch(inputs: Any, targets: Targets | None) -> tuple[Any, ...]:
    batch = (inputs, targets.one_hot, targets.weights) if targets else (inputs,)
    if keras.config.backend() == "tensorflow":
        return batch  # its datasets take arrays, and send them ahead themselves
    return tuple(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))


@contextmanager
def open_batches(
    images: Image, order: Order, batch: int, views: Views = PLAIN, seed: int = 0, targets: Targets | None = None
) -> Iterator[PhotoBatches]:
    """Batches whose threads end with the block."""
    batches = PhotoBatches(images, order, batch, views, seed, targets)
    try:
        yield batches
    finally:
        batches.close()


def shuffled(own: int, extra: int, extra_share: float, batch: int, seed: int) -> Order:
    """Epochs of all `own` photos (places 0 to own) and a fresh draw of the `extra` ones (the places after them).

    The draw is `extra_share` of the epoch; what does not fill a batch is left to another epoch.
    """
    drawn = extra_drawn(own, extra, extra_share)

    def order(epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((seed, epoch))
        further = own + rng.choice(extra, drawn, replace=drawn > extra) if drawn else np.empty(0, np.int64)
        mixed = rng.permutation(np.concatenate([np.arange(own), further]))
        return mixed[: len(mixed) // batch * batch]

    return order


def extra_drawn(own: int, extra: int, extra_share: float) -> int:
    """How many extra photos make `extra_share` of an epoch with `own` others."""
    return round(own * extra_share / (1 - extra_share)) if extra else 0


def predict(model: keras.Model, images: Image, batch: int) -> NDArray[np.float32]:
    """The model's outputs (N, …) for (N, size, size, 3) uint8, in batches of one shape: XLA compiles once."""
    count = len(images)
    full = -(-count // batch) * batch
    places = np.minimum(np.arange(full), count - 1)
    with open_batches(images, lambda _: places, batch) as batches:
        return np.asarray(model.predict(batches, verbose=0), np.float32)[:count]


def class_weights(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights by which every class counts the same in an epoch with `counts` photos of each; a photo's mean is 1."""
    return np.asarray(counts.sum() / (len(counts) * counts), np.float32)
