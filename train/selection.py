"""Which photos teach and which judge: the split of the manifest, further datasets, sources held out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DatasetError
from edge.photos.dataset import Dataset, Photo, open_dataset
from edge.photos.folder_map import FolderMap
from train.progress import stage


@dataclass(frozen=True)
class Selection:
    """The photos of one run; no photo is in two of the parts."""

    dataset: Dataset
    train: tuple[Photo, ...]
    extra: tuple[Photo, ...]
    """Of further datasets: they teach, whatever their own split says."""
    test: tuple[Photo, ...]
    """Of the test split, without held-out sources."""
    held_out: tuple[Photo, ...]
    """Every photo of the held-out sources, whatever its split."""


def select(
    root: Path,
    extra: Sequence[Path],
    hold_out: Sequence[str],
    folder_map: FolderMap | None = None,
    cache: Path | None = None,
) -> Selection:
    """Choose the photos of a run; the map is for the dataset at `root`, `cache` as in `open_dataset`.

    Raises DatasetError for what `open_dataset` refuses, an unknown source or a class left without training photos.
    """
    with stage(f"opening {root}"):
        dataset = open_dataset(root, folder_map=folder_map, cache=cache)
        further = [photo for folder in extra for photo in open_dataset(folder, dataset.labels, cache=cache).photos]
    _check_sources(dataset, hold_out)
    kept = [photo for photo in dataset.photos if photo.source not in hold_out]
    selection = Selection(
        dataset,
        train=tuple(photo for photo in kept if photo.split == "train"),
        extra=tuple(further),
        test=tuple(photo for photo in kept if photo.split == "test"),
        held_out=tuple(photo for photo in dataset.photos if photo.source in hold_out),
    )
    _check_parts(selection)
    return selection


def _check_sources(dataset: Dataset, hold_out: Sequence[str]) -> None:
    known = {photo.source for photo in dataset.photos}
    if strange := sorted(set(hold_out) - known):
        raise DatasetError(f"{dataset.root}: --hold-out-source: expected one of {sorted(known)}, found {strange[0]!r}")


def _check_parts(selection: Selection) -> None:
    root = selection.dataset.root
    if missing := set(selection.dataset.labels) - _labels(selection.train):
        raise DatasetError(f"{root}: expected training photos of every class, found none of {sorted(missing)}")
    if not selection.test:
        raise DatasetError(f"{root}: expected photos in the test split, found none")


def _labels(photos: Iterable[Photo]) -> set[str]:
    return {photo.label for photo in photos}
