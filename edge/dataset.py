"""Labelled photos in folders: which there are, what they show, and which of them are kept for the test."""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from edge.errors import DatasetError

Split = Literal["train", "test"]

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = ("path", "class", "subclass", "split")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
REFERENCE_ORDER = ("kitchen", "recyclable", "other", "hazardous")
"""The paper's order of its four classes; any other set of classes is ordered by name."""
TEST_SHARE = 0.3
"""The paper's 70/30."""


@dataclass(frozen=True)
class Photo:
    """One labelled photo."""

    path: Path
    label: str
    subclass: str
    split: Split
    source: str
    """Who took it, as the manifest says; empty when unknown."""


@dataclass(frozen=True)
class Dataset:
    """Labelled photos; `photos` are ordered by path."""

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split: "train", "test" or "all"."""
        return tuple(photo for photo in self.photos if name in (photo.split, "all"))

    def indices(self, photos: Iterable[Photo]) -> list[int]:
        """The class index of each photo."""
        return [self.labels.index(photo.label) for photo in photos]


def open_dataset(root: Path, labels: Sequence[str] | None = None) -> Dataset:
    """Read `root`: its manifest.csv when there is one, else <class>/<subclass>/<photo> with a split made by hash.

    `labels` fixes the order and the set of the classes (those of a model); without it they are found. Raises
    DatasetError for a missing folder, a class without photos, fewer than two classes, a class that `labels` lacks, or
    a manifest that names what is not there.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder DATASET/<class>/<photo>, found no folder")
    manifest = root / MANIFEST
    photos = _from_manifest(manifest) if manifest.is_file() else _from_folders(root)
    found = _ordered({photo.label for photo in photos})
    _check_labels(root, found, labels)
    order = tuple(labels) if labels else found
    return Dataset(root, order, tuple(sorted(photos, key=lambda photo: photo.path)))


def content_sha256(photos: Iterable[Photo]) -> dict[Path, str]:
    """The sha256 of each photo's bytes."""
    return {photo.path: hashlib.sha256(photo.path.read_bytes()).hexdigest() for photo in photos}


def fingerprint(dataset: Dataset) -> str:
    """A sha256 over every photo's place, class, split and bytes: the same photos and split, the same fingerprint."""
    digest = hashlib.sha256()
    contents = content_sha256(dataset.photos)
    for photo in dataset.photos:
        place = photo.path.relative_to(dataset.root).as_posix()
        digest.update(f"{place}\0{photo.label}\0{photo.split}\0{contents[photo.path]}\n".encode())
    return digest.hexdigest()


def _ordered(labels: set[str]) -> tuple[str, ...]:
    return REFERENCE_ORDER if labels == set(REFERENCE_ORDER) else tuple(sorted(labels))


def _check_labels(root: Path, found: tuple[str, ...], wanted: Sequence[str] | None) -> None:
    if wanted is None and len(found) < 2:
        raise DatasetError(f"{root}: expected photos of at least two classes, found {list(found)}")
    if strange := sorted(set(found) - set(wanted or found)):
        raise DatasetError(f"{root}: expected the model's classes {list(wanted or ())}, found also {strange}")


def _from_manifest(manifest: Path) -> list[Photo]:
    rows = _rows(manifest)
    photos = [_from_row(manifest, number, row) for number, row in enumerate(rows, start=2)]
    if not photos:
        raise DatasetError(f"{manifest}: expected one row per photo, found none")
    if twice := [path for path, times in Counter(photo.path for photo in photos).items() if times > 1]:
        raise DatasetError(f"{manifest}: expected each photo once, found {str(twice[0])!r} more than once")
    return photos


def _rows(manifest: Path) -> list[dict[str, str]]:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin UTF-8 with a mark
            table = csv.DictReader(file, restval="")
            columns, rows = table.fieldnames or (), list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{manifest}: expected comma-separated UTF-8, found {error}") from error
    if missing := set(MANIFEST_COLUMNS) - set(columns):
        raise DatasetError(f"{manifest}: expected columns {list(MANIFEST_COLUMNS)}, missing {sorted(missing)}")
    return rows


def _from_row(manifest: Path, number: int, row: dict[str, str]) -> Photo:
    where = f"{manifest}:{number}"
    if row["split"] not in ("train", "test"):
        raise DatasetError(f"{where}: split: expected train or test, found {row['split']!r}")
    if not row["class"]:
        raise DatasetError(f"{where}: class: expected a name, found nothing")
    path = manifest.parent / row["path"]
    if not path.resolve().is_relative_to(manifest.parent.resolve()) or not path.is_file():
        raise DatasetError(f"{where}: path: expected a photo inside the dataset, found {row['path']!r}")
    return Photo(path, row["class"], row["subclass"], cast("Split", row["split"]), row.get("source", ""))


def _from_folders(root: Path) -> list[Photo]:
    classes = sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    photos: list[Photo] = []
    for folder in classes:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not paths:
            raise DatasetError(f"{folder}: expected photos of class {folder.name!r}, found none; add some or remove it")
        photos += _split_class(folder, paths)
    return _with_copies_together(photos)


def _with_copies_together(photos: list[Photo]) -> list[Photo]:
    """Photos with the same bytes in several subclasses take the side of the first."""
    hashes = content_sha256(photos)
    side = {hashes[photo.path]: photo.split for photo in reversed(photos)}
    return [replace(photo, split=side[hashes[photo.path]]) for photo in photos]


def _split_class(folder: Path, paths: list[Path]) -> list[Photo]:
    """Split one class, subclass by subclass, by the rank of each photo's content hash: names and order don't matter.

    Photos with the same bytes share a rank and so stay on one side.
    """
    by_subclass: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        inside = path.relative_to(folder).parts
        by_subclass[inside[0] if len(inside) > 1 else ""].append(path)
    return [
        Photo(path, folder.name, subclass, split, "")
        for subclass, members in by_subclass.items()
        for path, split in _split_by_hash(members)
    ]


def _split_by_hash(paths: list[Path]) -> list[tuple[Path, Split]]:
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    distinct = sorted(set(hashes.values()))
    test = set(distinct[: round(len(distinct) * TEST_SHARE)])
    return [(path, "test" if hashes[path] in test else "train") for path in paths]
