"""Labelled photos in folders: which there are, what they show, and which of them are kept for the test."""

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from edge.errors import DatasetError
from edge.photos.cache_folder import cache_folder
from edge.photos.folder_map import FolderMap
from edge.photos.split import Split, sides

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = ("path", "class", "subclass", "split")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
REFERENCE_ORDER = ("kitchen", "recyclable", "other", "hazardous")
"""The paper's order of its four classes; any other set of classes is ordered by name."""


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
    folder_map: FolderMap | None = None
    """How folders became classes; None when their names are the classes, or a manifest says it."""

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split: "train", "test" or "all"."""
        return tuple(photo for photo in self.photos if name in (photo.split, "all"))

    def indices(self, photos: Iterable[Photo]) -> list[int]:
        """The class index of each photo."""
        return [self.labels.index(photo.label) for photo in photos]


def open_dataset(
    root: Path,
    labels: Sequence[str] | None = None,
    folder_map: FolderMap | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Read `root`: its manifest.csv when there is one, else its folders with a split made by content.

    The folders are <class>/<subclass>/<photo> unless `folder_map` says otherwise. `labels` fixes the order and the set
    of the classes (those of a model); without it they are found. `cache` keeps perceptual hashes; default: the user's.
    Raises DatasetError for a missing folder, a class without photos, fewer than two classes, a class that `labels`
    lacks, a folder that the map lacks, or a manifest that names what is not there or stands beside a map.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder DATASET/<class>/<photo>, found no folder")
    manifest = root / MANIFEST
    if folder_map and manifest.is_file():
        raise DatasetError(f"{manifest}: expected no manifest beside --map: it names the classes itself; leave out one")
    photos = _from_manifest(manifest) if manifest.is_file() else _from_folders(root, folder_map, cache)
    found = _ordered({photo.label for photo in photos})
    _check_labels(root, found, labels)
    order = tuple(labels) if labels else found
    return Dataset(root, order, tuple(sorted(photos, key=lambda photo: photo.path)), folder_map)


def content_sha256(photos: Iterable[Photo]) -> dict[Path, str]:
    """The sha256 of each photo's bytes. Raises DatasetError for one that cannot be read."""
    paths = [photo.path for photo in photos]
    with ThreadPoolExecutor(os.cpu_count(), "sha256") as pool:  # hashlib works outside Python's lock
        return dict(zip(paths, pool.map(_sha256, paths), strict=True))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()  # file_digest's buffer costs more than a usual photo
    except OSError as error:
        raise DatasetError(f"{path}: expected a photo, found {error.strerror}") from error


def pictures(photos: Sequence[Photo], cache: Path | None = None) -> dict[Path, str]:
    """For each photo a name that copies and near-duplicates of it share; `cache` as in `open_dataset`."""
    from edge.photos.near_duplicates import same_pictures

    contents = content_sha256(photos)
    picture = same_pictures({content: path for path, content in contents.items()}, cache or cache_folder())
    return {path: picture[content] for path, content in contents.items()}


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


def _from_folders(root: Path, folder_map: FolderMap | None, cache: Path | None) -> list[Photo]:
    photos = _mapped(root, folder_map) if folder_map else _by_folder_names(root)
    picture = pictures(photos, cache)
    side = sides(((photo.label, photo.subclass), picture[photo.path]) for photo in photos)
    return [replace(photo, split=side[picture[photo.path]]) for photo in photos]


def _by_folder_names(root: Path) -> list[Photo]:
    classes = sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    photos: list[Photo] = []
    for folder in classes:
        paths = _photos_below(folder)
        if not paths:
            raise DatasetError(f"{folder}: expected photos of class {folder.name!r}, found none; add some or remove it")
        photos += [_filed(path, folder.name, _subclass(path.relative_to(folder))) for path in paths]
    return photos


def _photos_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("._") and path.is_file()
    )  # a Mac leaves ._PHOTO beside each PHOTO on foreign disks


def _subclass(inside: Path) -> str:
    return inside.parts[0] if len(inside.parts) > 1 else ""


def _filed(path: Path, label: str, subclass: str) -> Photo:
    return Photo(path, label, subclass, "train", "")


def _mapped(root: Path, folder_map: FolderMap) -> list[Photo]:
    wanted = [path for path in _photos_below(root) if not folder_map.ignores(path.relative_to(root))]
    places = {path: folder_map.place(path.relative_to(root)) for path in wanted}
    strange = sorted({_place_name(path.relative_to(root)) for path, place in places.items() if place is None})
    if strange:
        names = ", ".join(f'"{name}"' for name in strange)
        raise DatasetError(
            f"{root}: expected every photo to match a pattern of --map, found none for {names}; "
            f'add "{strange[0]}" = "class/subclass" under [folders], or ignore = [{names}] above it'
        )
    return [_filed(path, *place) for path, place in places.items() if place]


def _place_name(inside: Path) -> str:
    """What a map can call the place of a photo: its folder's name, or for a photo right in the dataset its own."""
    return inside.parent.name or inside.name
