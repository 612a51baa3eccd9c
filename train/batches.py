"""Batches of one shape for Keras, prepared a few ahead in threads; the same seed gives the same batches."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train.backgrounds import Rng
from train.photos import THREADS

Augment = Callable[[Image, Rng], Image] | None
Order = Callable[[int], NDArray[np.int64]]
"""Epoch number -> which photos in which order; a whole number of batches."""

AHEAD = THREADS
"""Batches in preparation: one a thread."""


@dataclass(frozen=True)
class Lessons:
    """What a batch teaches, photo by photo: one-hot targets (N, classes) and weights (N,), float32."""

    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


class PhotoBatches(keras.utils.PyDataset):
    """Batch i of an epoch is a pure function of (seed, epoch, i), so preparing ahead changes nothing.

    Keras' own worker threads are not used: they keep batches of one epoch for the next, as many as time allows.
    """

    def __init__(
        self, images: Image, order: Order, batch: int, augment: Augment, seed: int, lessons: Lessons | None = None
    ) -> None:
        super().__init__()
        self._images, self._order_of, self._batch = images, order, batch
        self._augment, self._seed, self._lessons = augment, seed, lessons
        self._pool = ThreadPoolExecutor(THREADS, "batches")
        self._begin(0)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Photos (batch, size, size, 3) uint8, and for training the targets and weights."""
        for ahead in range(index, min(index + AHEAD, len(self))):
            if ahead not in self._coming:
                self._coming[ahead] = self._pool.submit(self._prepare, self._epoch, ahead)
        return self._coming.pop(index).result()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's order."""
        self._begin(self._epoch + 1)

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, epoch: int) -> None:
        self._epoch, self._order = epoch, self._order_of(epoch)
        self._coming: dict[int, Future[tuple[Any, ...]]] = {}

    def _prepare(self, epoch: int, index: int) -> tuple[Any, ...]:
        first = index * self._batch
        chosen = self._order[first : first + self._batch]
        photos = self._views(chosen, epoch, first)
        if self._lessons is None:
            return (photos,)
        return photos, self._lessons.targets[chosen], self._lessons.weights[chosen]

    def _views(self, chosen: NDArray[np.int64], epoch: int, first: int) -> Image:
        photos = self._images[chosen]
        if self._augment:
            for place, photo in enumerate(photos):
                photos[place] = self._augment(photo, np.random.default_rng((self._seed, epoch, first + place)))
        return photos


@contextmanager
def open_batches(
    images: Image, order: Order, batch: int, augment: Augment = None, seed: int = 0, lessons: Lessons | None = None
) -> Iterator[PhotoBatches]:
    """Batches whose threads end with the block."""
    batches = PhotoBatches(images, order, batch, augment, seed, lessons)
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


def predict(
    model: keras.Model, images: Image, batch: int, augment: Augment = None, seed: int = 0
) -> NDArray[np.float32]:
    """The model's outputs (N, …) for (N, size, size, 3) uint8, in batches of one shape: XLA compiles once."""
    count = len(images)
    full = -(-count // batch) * batch
    places = np.minimum(np.arange(full), count - 1)
    with open_batches(images, lambda _: places, batch, augment, seed) as batches:
        return np.asarray(model.predict(batches, verbose=0), np.float32)[:count]


def class_weights(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights by which every class counts the same in an epoch with `counts` photos of each; a photo's mean is 1."""
    return np.asarray(counts.sum() / (len(counts) * counts), np.float32)
