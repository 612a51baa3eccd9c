"""Decoded photos, kept between runs as one memory-mapped array: a photo is decoded again only when its bytes change.

CACHE/photos-<size>-…/pixels.u8 holds rows of size * size * 3 bytes, index.npy the sha256 of the photo in each row. Rows
are only ever added, behind those that the index knows, and the index is replaced when they are safely on disk: a run
that is killed, or that finds the disk full, leaves what was there before. One run at a time adds; all may read.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.errors import DatasetError, RunError
from edge.photos.dataset import Photo, content_sha256
from edge.preprocess import VERSION, Image, crop_and_resize, decode_photo, read_bytes

PIXELS, INDEX, LOCK = "pixels.u8", "index.npy", "lock"
THREADS = min(16, os.cpu_count() or 1)
"""OpenCV decodes outside Python's lock."""
CHUNK = 32
"""Photos a thread takes at a time; smaller ones cost time in Python's lock, larger ones make the bar jump."""
SYNC_CHUNKS = 16
"""So often the disk is told to write what there is while others are decoded, or the end would wait for all of it."""
BUILD_WAIT_S = 3600.0
"""For another run that adds its photos."""
POLL_S = 0.2

Item = tuple[int, str, Path]
"""Row, sha256 and file of a photo to decode."""


def decoded(photos: Sequence[Photo], size: int, cache: Path) -> Image:
    """The photos, in their order, as (N, size, size, 3) uint8 RGB: a read-only memory map.

    A slice of the kept array where its rows follow each other, else a copy in a file that ends with the process. Raises
    DatasetError naming the first broken photo, RunError when `cache` cannot hold them.
    """
    if not photos:
        return np.empty((0, size, size, 3), np.uint8)
    contents = content_sha256(photos)
    folder = cache / f"photos-{size}-v{VERSION}-opencv{cv2.__version__}"
    try:
        rows = _complete(folder, {contents[photo.path]: photo.path for photo in photos}, size)
        return _open(folder, np.array([rows[contents[photo.path]] for photo in photos]), size)
    except OSError as error:
        raise RunError(
            f"{folder}: expected room for decoded photos, found {error.strerror or error}; choose another with --cache"
        ) from error


def _complete(folder: Path, wanted: Mapping[str, Path], size: int) -> dict[str, int]:
    """Add what is missing of `wanted`, sha256 -> file; the row of each photo that is kept."""
    rows = _rows(folder, size)
    if wanted.keys() <= rows.keys():
        return rows
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        rows = _rows(folder, size)  # another run may have added them meanwhile
        missing = [name for name in wanted if name not in rows]
        items = [(row, name, wanted[name]) for row, name in enumerate(missing, start=len(rows))]
        _add(folder, items, len(rows), size)
        rows |= {name: row for row, name, _ in items}
        _commit(folder, list(rows))
    return rows


def _rows(folder: Path, size: int) -> dict[str, int]:
    """sha256 -> row; nothing when there is no index, or one that says more than there is."""
    try:
        index = np.load(folder / INDEX, allow_pickle=False)
        whole = (folder / PIXELS).stat().st_size >= len(index) * _row_bytes(size)
    except (FileNotFoundError, ValueError, EOFError):
        return {}
    return {name.tobytes().hex(): row for row, name in enumerate(index)} if whole else {}


def _row_bytes(size: int) -> int:
    return size * size * 3


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as file:
        deadline = time.monotonic() + BUILD_WAIT_S
        while not _took(file.fileno()):
            if time.monotonic() > deadline:
                raise RunError(f"{folder}: expected to wait less than {BUILD_WAIT_S:.0f} s for another run's photos")
            time.sleep(POLL_S)
        yield  # closing the file, also by being killed, gives the lock back


def _took(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _add(folder: Path, items: Sequence[Item], kept: int, size: int) -> None:
    """Decode `items` into their rows, which begin behind the `kept` ones; on disk when this returns, or as before."""
    _check_room(folder, len(items) * _row_bytes(size))
    if not kept:
        (folder / PIXELS).unlink(missing_ok=True)  # a run may still read what stood there
    with (folder / PIXELS).open("r+b" if kept else "w+b", buffering=0) as file:
        try:
            _decode(file, items, size)
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(kept * _row_bytes(size))
            raise


def _check_room(folder: Path, need: int) -> None:
    if need > (free := shutil.disk_usage(folder).free):
        raise OSError(errno.ENOSPC, f"{free / 2**30:.2f} GiB free of the {need / 2**30:.2f} GiB that they need")


def _decode(file: FileIO, items: Sequence[Item], size: int) -> None:
    chunks = [items[first : first + CHUNK] for first in range(0, len(items), CHUNK)]
    decoders, disk = ThreadPoolExecutor(THREADS, "decode"), ThreadPoolExecutor(1, "sync")
    syncs: list[Future[None]] = []
    try:
        with _bar() as bar:
            task = bar.add_task("decoding", total=len(items))
            for number, done in enumerate(decoders.map(lambda chunk: _decode_chunk(file, chunk, size), chunks)):
                bar.advance(task, done)
                if number % SYNC_CHUNKS == 0:
                    syncs.append(disk.submit(os.fsync, file.fileno()))
        for sync in syncs:
            sync.result()  # a disk tells its error once, to whoever asks first
    finally:
        decoders.shutdown(wait=True, cancel_futures=True)
        disk.shutdown(wait=True, cancel_futures=True)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _decode_chunk(file: FileIO, chunk: Sequence[Item], size: int) -> int:
    images = np.stack([_decode_one(name, path, size) for _, name, path in chunk])
    first, _, _ = chunk[0]
    _write_at(file, images, first * _row_bytes(size))
    return len(chunk)


def _decode_one(name: str, path: Path, size: int) -> Image:
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != name:
        raise DatasetError(f"{path}: expected a photo that nobody changes while it is read, found other bytes")
    return crop_and_resize(decode_photo(data, path), size)


def _write_at(file: FileIO, pixels: Image, offset: int) -> None:
    """By write and not through a memory map: there, a full disk would be a SIGBUS and no error."""
    rest = memoryview(np.ascontiguousarray(pixels)).cast("B")
    while rest:
        written = os.pwrite(file.fileno(), rest, offset)
        rest, offset = rest[written:], offset + written


def _commit(folder: Path, names: Sequence[str]) -> None:
    index = np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(len(names), 32)
    partial = folder / f"{INDEX}.partial"  # one run at a time holds the lock
    with partial.open("wb") as file:
        np.save(file, index)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / INDEX)


def _open(folder: Path, rows: np.ndarray, size: int) -> Image:
    kept = np.memmap(folder / PIXELS, np.uint8, "r", shape=(int(rows.max()) + 1, size, size, 3))
    if np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return kept[rows[0] : rows[0] + len(rows)]
    return _copied(folder, kept, rows)


def _copied(folder: Path, kept: Image, rows: np.ndarray) -> Image:
    """The rows in an order of their own: on disk like the others, so that they may be more than the memory holds."""
    size = kept.shape[1]
    _check_room(folder, len(rows) * _row_bytes(size))
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for first in range(0, len(rows), CHUNK):
            _write_at(file, kept[rows[first : first + CHUNK]], first * _row_bytes(size))
        return np.memmap(file, np.uint8, "r", shape=(len(rows), *kept.shape[1:]))
