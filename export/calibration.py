"""Draws the training photos that set the ranges of the quantized activations."""

import random
from collections.abc import Sequence

from edge.errors import DatasetError
from edge.photos.dataset import Dataset, Photo


def draw_calibration(datasets: Sequence[Dataset], labels: Sequence[str], count: int, seed: int) -> tuple[Photo, ...]:
    """Draw `count` photos of the training splits, as many of each class as of any other, in shuffled order.

    The same datasets and seed give the same draw. Raises DatasetError when a class has too few.
    """
    rng = random.Random(seed)
    pool = [photo for dataset in datasets for photo in dataset.split("train")]
    drawn = [photo for label, share in _shares(labels, count).items() for photo in _draw_class(pool, label, share, rng)]
    rng.shuffle(drawn)
    return tuple(drawn)


def draw_held_out(
    datasets: Sequence[Dataset], labels: Sequence[str], taken: Sequence[Photo], count: int, seed: int
) -> tuple[Photo, ...]:
    """Draw up to `count` other photos of the training splits, balanced as far as they reach: small datasets give fewer.

    Raises DatasetError when none is left.
    """
    rng = random.Random(seed)
    used = set(taken)
    pool = [photo for dataset in datasets for photo in dataset.split("train") if photo not in used]
    drawn: list[Photo] = []
    for label, share in _shares(labels, count).items():
        photos = [photo for photo in pool if photo.label == label]
        drawn += rng.sample(photos, min(share, len(photos)))
    if not drawn:
        raise DatasetError(
            f"expected training photos beside the {len(taken)} that are calibrated on, found none; lower --calibration"
        )
    rng.shuffle(drawn)
    return tuple(drawn)


def _shares(labels: Sequence[str], count: int) -> dict[str, int]:
    """How many photos of each class: equal, the rest going to the first classes."""
    each, rest = divmod(count, len(labels))
    return {label: each + (index < rest) for index, label in enumerate(labels)}


def _draw_class(pool: list[Photo], label: str, share: int, rng: random.Random) -> list[Photo]:
    photos = [photo for photo in pool if photo.label == label]
    if len(photos) < share:
        raise DatasetError(
            f"class {label!r}: expected {share} training photos to calibrate on, found {len(photos)}; "
            "add photos or lower --calibration"
        )
    return rng.sample(photos, share)
