"""Photos that show the same picture in other bytes: scaled, compressed again, a little lighter or closer.

Two photos are near-duplicates when two measures agree:
- their perceptual hashes (pHash: the 8 x 8 lowest frequencies of the DCT of the 32 x 32 grey picture, each above or
  below their median; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010) differ in
  at most HASH_BITS of 64 bits,
- their 8 x 8 colour thumbnails correlate by at least CORRELATION.

Why both: among 6,661 photos of waste, many of them product shots on white, hashes alone take some 80 pairs of
different bottles and toothbrushes for the same at 6 bits; dHash, which compares neighbours, sees mostly white there
and confuses some 600 at 0 bits. Why not the library imagehash: it has the first measure only, and brings Pillow, SciPy
and PyWavelets to devices that must stay light.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

HASH_BITS = 8
CORRELATION = 0.97
"""Together they find, of 300 photos of waste, all that were halved or compressed again at quality 50, 96 % made 10 %
lighter, and 94 % with 2 % cut off at every edge; among those 6,661 they join eleven pairs, most of them different items
in the same pose. At 0.95 they would find 2 % more, and join 33 groups."""
BLOCK = 2048
"""Photos compared at a time with all others: 16 MB of distances a thousand photos."""
BIG_BYTES = 2**20
"""A file of that size has at least 590 pixels a side: an eighth of them is enough here, and JPEG decodes it fast."""

FILE = "pictures-1.npy"
"""Kept signatures; the number grows with any change of how they are made."""
HASH, THUMBNAIL = 64, 192
RECORD = np.dtype([("sha256", "u1", (32,)), ("signature", "u1", (HASH + THUMBNAIL,))])


def same_pictures(paths: Mapping[str, Path], cache: Path) -> dict[str, str]:
    """For each photo's sha256 the smallest sha256 among the photos that show the same picture, itself included.

    `paths`: sha256 -> a file with these bytes. Being the same is passed on: a chain of near-duplicates is one picture.
    What is no picture is like nothing else. Signatures are kept below `cache` by content, as far as it is writable.
    """
    names = sorted(paths)
    signatures = _signatures({name: paths[name] for name in names}, cache)
    seen = [name for name in names if name in signatures]
    leader = {name: name for name in names}
    if seen:
        for one, other in _pairs(np.stack([signatures[name] for name in seen])):
            _join(leader, seen[one], seen[other])
    return {name: _find(leader, name) for name in names}


def signature(data: bytes) -> Pixels | None:
    """(256,) uint8 of the bytes of a photo: 64 times 0 or 1, then the 8 x 8 RGB thumbnail; None for no picture."""
    reduced = cv2.IMREAD_REDUCED_COLOR_8 if len(data) > BIG_BYTES else cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), reduced)
    except cv2.error:  # nothing to decode, or a header that claims more than 2**30 pixels
        return None
    if image is None:
        return None
    grey = cv2.cvtColor(cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    lowest = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = lowest > np.median(lowest[1:])  # without the mean brightness, which would shift it
    thumbnail = cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    return np.concatenate([bits, thumbnail.ravel()]).astype(np.uint8)


def _pairs(signatures: Pixels) -> Iterable[tuple[int, int]]:
    """Places (i, j), i < j, of near-duplicates among (N, 256) signatures; both measures are matrix products."""
    hashes = signatures[:, :HASH].astype(np.float32) * 2 - 1
    thumbnails = _normalised(signatures[:, HASH:].astype(np.float32))
    for first in range(0, len(signatures), BLOCK):
        alike = hashes[first : first + BLOCK] @ hashes[first:].T >= HASH - 2 * HASH_BITS
        rows, columns = np.nonzero(np.triu(alike, 1))
        same = (thumbnails[first + rows] * thumbnails[first + columns]).sum(axis=1) >= CORRELATION
        yield from zip((first + rows[same]).tolist(), (first + columns[same]).tolist(), strict=True)


def _normalised(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and length 1, so that a product is the correlation; a uniform one correlates with nothing."""
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-3), np.float32)


def _join(leader: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_find(leader, one), _find(leader, other)))
    leader[second] = first


def _find(leader: dict[str, str], name: str) -> str:
    while leader[name] != name:
        leader[name] = name = leader[leader[name]]
    return name


def _signatures(paths: Mapping[str, Path], cache: Path) -> dict[str, Pixels]:
    """sha256 -> signature of all that are pictures; what is not kept yet is made, in threads, and kept."""
    kept = _read(cache / FILE)
    missing = [name for name in paths if name not in kept]
    with ThreadPoolExecutor(os.cpu_count(), "pictures") as pool:
        made = pool.map(lambda name: signature(paths[name].read_bytes()), missing)
        new = {name: found for name, found in zip(missing, made, strict=True) if found is not None}
    if new:
        with contextlib.suppress(OSError):  # a full disk or a read-only one: they are made again next time
            _write(cache / FILE, {**kept, **new})
    return {name: found for name, found in {**kept, **new}.items() if name in paths}


def _read(path: Path) -> dict[str, Pixels]:
    try:
        records = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, or damaged: made again
        return {}
    if records.dtype != RECORD:
        return {}
    return {record["sha256"].tobytes().hex(): record["signature"] for record in records}


def _write(path: Path, signatures: Mapping[str, Pixels]) -> None:
    records = np.empty(len(signatures), RECORD)
    for place, (name, made) in enumerate(signatures.items()):
        records[place] = (np.frombuffer(bytes.fromhex(name), np.uint8), made)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        partial = Path(file.name)
        try:
            np.save(file, records)
            file.flush()
            partial.replace(path)
        except BaseException:
            partial.unlink()
            raise
