"""The photos of one run, decoded, each in the part that it plays."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge.errors import UsageError
from edge.photos.dataset import Photo, content_sha256, fingerprint, pictures
from edge.preprocess import Image
from train.calibration import set_apart
from train.photos import load_photos
from train.progress import stage
from train.selection import Selection
from train.settings import Settings
from train.training_setup import TrainingSet

Load = Callable[[Sequence[Photo]], Image]


@dataclass(frozen=True)
class Material:
    """Photos (N, size, size, 3) uint8 RGB of a selection."""

    selection: Selection
    """Without the training photos that calibrate."""
    training_set: TrainingSet
    """With the calibrating photos as those that judge epochs."""
    test: Image
    held_out: Image


def gather_material(chosen: Selection, settings: Settings, cache: Path | None, load: Load | None = None) -> Material:
    """Load the photos of `chosen`; they are decoded unless `load` has them.

    Raises DatasetError for a broken one, UsageError when a batch needs more.
    """
    selection, calibrating = _set_apart(chosen, settings, cache)
    if (batch := settings.update_batch(len(selection.train))) > (most := len(selection.train)):
        raise UsageError(f"--batch: expected at most the {most} training photos, found {batch}")
    load = load or partial(load_photos, size=settings.size, cache=cache)
    taught = selection.train + selection.extra
    with stage(f"decoding {len(chosen.dataset.photos) + len(chosen.extra)} photos"):
        training_set = TrainingSet(
            images=load(taught),
            labels=_indices(selection, taught),
            own=len(selection.train),
            classes=len(selection.dataset.labels),
            validation_images=load(calibrating),
            validation_labels=_indices(selection, calibrating),
        )
        return Material(selection, training_set, load(selection.test), load(selection.held_out))


def photos_fingerprint(selection: Selection) -> str:
    """A sha256 over all photos of a run, the extra ones included."""
    contents = content_sha256(selection.extra)
    extra = sorted((photo.label, contents[photo.path]) for photo in selection.extra)
    return hashlib.sha256(repr((fingerprint(selection.dataset), extra)).encode()).hexdigest()


def _set_apart(selection: Selection, settings: Settings, cache: Path | None) -> tuple[Selection, tuple[Photo, ...]]:
    """The selection without the training photos that judge epochs and fit the temperature, and those photos.

    No near-duplicate of these teaches: it would make the network look surer of new photos than it is.
    """
    photos = selection.train
    picture = pictures(photos, cache)
    groups = [picture[photo.path] for photo in photos]
    sides = set_apart([photo.label for photo in photos], groups, settings.calibration, settings.seed)
    teach, apart = (tuple(photos[place] for place in places) for places in sides)
    return replace(selection, train=teach), apart


def _indices(selection: Selection, photos: Sequence[Photo]) -> np.ndarray:
    return np.array(selection.dataset.indices(photos), np.int64)
