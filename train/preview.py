"""What the network would see: a picture of photos and their augmented views."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from edge.photos.dataset import Photo
from edge.preprocess import Image
from train.augment import augmented
from train.batches import open_batches, views_of
from train.contact_sheet import write_png
from train.photos import load_photos
from train.settings import Settings

ROWS, VIEWS = 8, 8


def write_preview(photos: Sequence[Photo], settings: Settings, cache: Path | None, out: Path) -> None:
    """Write views of some of `photos` as PNG, as `settings` would teach them. Raises UsageError, DatasetError."""
    write_png(out, preview(load_photos(_chosen(photos), settings.size, cache), settings))


def preview(images: Image, settings: Settings) -> Image:
    """A row for each of (N, size, size, 3) uint8 RGB: the photo, then its views in the first epochs."""
    views = views_of(images, settings.variety)
    photos = keras.Input(images.shape[1:], dtype="uint8")
    network = augmented(keras.Model(photos, keras.layers.Identity(dtype="uint8")(photos)), views.variety)
    everything = np.arange(len(images))
    columns = [np.asarray(images)]
    with open_batches(images, lambda _: everything, len(images), views, settings.seed) as batches:
        for epoch in range(VIEWS):
            batches.begin(epoch)
            columns.append(keras.ops.convert_to_numpy(network(*batches[0])))
    return np.vstack([np.hstack(row) for row in zip(*columns, strict=True)])


def _chosen(photos: Sequence[Photo]) -> list[Photo]:
    """Evenly over classes and subclasses."""
    ordered = sorted(photos, key=lambda photo: (photo.label, photo.subclass, photo.path))
    places = np.linspace(0, len(ordered), min(ROWS, len(ordered)), endpoint=False).astype(int)
    return [ordered[place] for place in places]
