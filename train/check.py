"""A look at every photo before hours of training: what is broken, odd, twice there or on both sides of the split."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from edge.photos.cache_folder import cache_folder
from edge.photos.dataset import Dataset, Photo, content_sha256, open_dataset
from edge.photos.folder_map import FolderMap
from edge.photos.near_duplicates import same_pictures
from edge.preprocess import Image, decode_photo, ends_early, read_bytes
from train.progress import stage

TINY_PX = 64
"""A shorter side below it leaves less than a third of a 224 px input to see."""
GREY_LEVELS = 2
"""Channels that differ by no more are grey: JPEG rounds."""

UNREADABLE, TRUNCATED, TINY, GREY, ALPHA, ROTATED = "unreadable", "truncated", "tiny", "grey", "alpha", "EXIF-rotated"
UNUSABLE = frozenset({UNREADABLE, TRUNCATED})
ODDITIES = (UNREADABLE, TRUNCATED, TINY, GREY, ALPHA, ROTATED)
"""The first two stop a training; the others are used as they are: grey as RGB, without alpha, upright."""


class Count(msgspec.Struct, frozen=True):
    """Photos of one subclass, or of a class when `subclass` is None."""

    label: str
    subclass: str | None
    train: int
    test: int


class Findings(msgspec.Struct, frozen=True):
    """What a check found; photos are named by their paths below the dataset."""

    photos: int
    counts: tuple[Count, ...]
    """Class by class, each followed by its subclasses."""
    imbalance: float
    """Photos of the largest class per photo of the smallest."""
    odd: dict[str, tuple[str, ...]]
    """Kind of ODDITIES -> photos."""
    copies: tuple[tuple[str, ...], ...]
    """Groups of photos with the same bytes."""
    near_duplicates: tuple[tuple[str, ...], ...]
    """Groups of photos that show the same picture in different bytes, with copies of these."""
    leaks: tuple[tuple[str, ...], ...]
    """Those of both kinds of groups that stand on both sides of the split."""
    contradictions: tuple[tuple[str, ...], ...]
    """Those that stand in several classes."""

    @property
    def unusable(self) -> int:
        """Photos that a training would stop at."""
        return sum(len(self.odd[kind]) for kind in UNUSABLE)


def open_for_check(root: Path, folder_map: FolderMap | None, cache: Path | None = None) -> Dataset:
    """Open the dataset at `root` through a map, or none; says how long it takes."""
    with stage(f"opening {root}"):
        return open_dataset(root, folder_map=folder_map, cache=cache)


def check(dataset: Dataset, cache: Path | None = None) -> Findings:
    """Look at every photo of `dataset`; perceptual hashes are kept below `cache`, by default the user's."""
    readable, odd = _look(dataset)
    contents = content_sha256(readable)
    picture = same_pictures({name: path for path, name in contents.items()}, cache or cache_folder())
    copies = _groups(readable, contents)
    alike = _groups(readable, {path: picture[name] for path, name in contents.items()})
    near = [group for group in alike if len({contents[photo.path] for photo in group}) > 1]
    counts = tuple(_counts(dataset))
    return Findings(
        photos=len(dataset.photos),
        counts=counts,
        imbalance=_imbalance(counts),
        odd=odd,
        copies=_named(dataset, copies),
        near_duplicates=_named(dataset, near),
        leaks=_named(dataset, [group for group in alike if len({photo.split for photo in group}) > 1]),
        contradictions=_named(dataset, [group for group in alike if len({photo.label for photo in group}) > 1]),
    )


def _look(dataset: Dataset) -> tuple[list[Photo], dict[str, tuple[str, ...]]]:
    """The photos that can be read as files, and those of every oddity."""
    with stage(f"looking at {len(dataset.photos)} photos"), ThreadPoolExecutor(os.cpu_count(), "check") as pool:
        kinds = list(pool.map(lambda photo: oddities(photo.path), dataset.photos))
    looked = list(zip(dataset.photos, kinds, strict=True))
    odd = {kind: tuple(_name(dataset, photo) for photo, found in looked if kind in found) for kind in ODDITIES}
    return [photo for photo, found in looked if UNREADABLE not in found], odd


def oddities(path: Path) -> set[str]:
    """Which of ODDITIES the photo at `path` has."""
    try:
        data = read_bytes(path)
        if ends_early(data):
            return {TRUNCATED}
        image = decode_photo(data, path)
    except DatasetError:
        return {UNREADABLE}
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    found = {
        TINY: min(image.shape[:2]) < TINY_PX,
        GREY: _grey(image),
        ALPHA: stored is not None and stored.ndim == 3 and stored.shape[2] == 4,
        ROTATED: stored is not None and _turned(stored, image),
    }
    return {kind for kind, present in found.items() if present}


def _grey(image: Image) -> bool:
    red, green, blue = cv2.split(image)  # numpy takes fifty times as long along an axis of three
    return max(cv2.absdiff(red, green).max(), cv2.absdiff(green, blue).max()) <= GREY_LEVELS


def _turned(stored: NDArray[np.generic], upright: Image) -> bool:
    """Whether pixels lie otherwise in the file, (H, W[, C]) BGR, than upright by EXIF, (H, W, 3) RGB."""
    if stored.shape[:2] != upright.shape[:2]:
        return True
    green = stored if stored.ndim == 2 else stored[:, :, 1]
    return stored.dtype == np.uint8 and not np.array_equal(green, upright[:, :, 1])


def _groups(photos: Iterable[Photo], key: Mapping[Path, str]) -> list[list[Photo]]:
    """Photos that share a key, where several do."""
    groups: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        groups[key[photo.path]].append(photo)
    return [group for group in groups.values() if len(group) > 1]


def _named(dataset: Dataset, groups: Iterable[Sequence[Photo]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_name(dataset, photo) for photo in group) for group in groups)


def _name(dataset: Dataset, photo: Photo) -> str:
    return photo.path.relative_to(dataset.root).as_posix()


def _counts(dataset: Dataset) -> Iterable[Count]:
    sides = Counter((photo.label, photo.subclass, photo.split) for photo in dataset.photos)
    for label in dataset.labels:
        of_class = Counter(photo.split for photo in dataset.photos if photo.label == label)
        yield Count(label, None, of_class["train"], of_class["test"])
        subclasses = sorted({subclass for owner, subclass, _ in sides if owner == label and subclass})
        for subclass in subclasses:
            yield Count(label, subclass, sides[label, subclass, "train"], sides[label, subclass, "test"])


def _imbalance(counts: Iterable[Count]) -> float:
    sizes = [count.train + count.test for count in counts if count.subclass is None]
    return max(sizes) / min(sizes)
