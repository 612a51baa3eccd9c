"""One picture per class with photos of all its subclasses: wrong labels are seen faster than found."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from edge.errors import DatasetError, UsageError
from edge.photos.dataset import Dataset, Photo
from edge.preprocess import Image, model_input

COLUMNS, ROWS = 12, 10
TILE_PX = 128
CAPTION_PX = 14
BROKEN: tuple[int, int, int] = (220, 30, 30)
"""RGB of a photo that cannot be read."""


def write_sheets(dataset: Dataset, out: Path) -> list[Path]:
    """Write OUT/<class>.png for every class with photos. Raises UsageError when `out` cannot be written."""
    return [
        write_png(out / f"{label}.png", contact_sheet([photo for photo in dataset.photos if photo.label == label]))
        for label in dataset.labels
        if any(photo.label == label for photo in dataset.photos)
    ]


def contact_sheet(photos: Sequence[Photo]) -> Image:
    """Up to COLUMNS x ROWS of `photos`, at least one, as RGB: subclasses in turn, and evenly from each."""
    tiles = [_tile(photo) for photo in _chosen(photos, COLUMNS * ROWS)]
    rows = -(-len(tiles) // COLUMNS)
    empty = np.full_like(tiles[0], 255)
    tiles += [empty] * (rows * COLUMNS - len(tiles))
    return np.vstack([np.hstack(tiles[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(rows)])


def _chosen(photos: Sequence[Photo], most: int) -> list[Photo]:
    by_subclass: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_subclass[photo.subclass].append(photo)
    spread = [_spread(members, most) for _, members in sorted(by_subclass.items())]
    turns = [photo for turn in zip_longest(*spread) for photo in turn if photo][:most]
    return sorted(turns, key=lambda photo: (photo.subclass, photo.path))


def _spread(photos: Sequence[Photo], most: int) -> list[Photo]:
    """At most so many, in an order in which every beginning lies evenly over all of them."""
    order = sorted(range(len(photos)), key=lambda place: int(f"{place:032b}"[::-1], 2))  # van der Corput's
    return [photos[place] for place in order[:most]]


def _tile(photo: Photo) -> Image:
    try:
        image = model_input(photo.path, TILE_PX)
    except DatasetError:
        image = np.full((TILE_PX, TILE_PX, 3), BROKEN, np.uint8)
    caption = np.full((CAPTION_PX, TILE_PX, 3), 255, np.uint8)
    text = (photo.subclass or photo.path.stem).encode("ascii", "replace").decode()
    cv2.putText(caption, text[:22], (2, CAPTION_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([image, caption])


def write_png(path: Path, picture: Image) -> Path:
    """Write (H, W, 3) uint8 RGB. Raises UsageError when `path` cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a place for pictures, found {error.strerror}") from error
    return path
