"""How fast the cache of decoded photos is built, beside a bare OpenCV loop over the same files on the same threads.

    python benchmarks/cache_build.py DATASET

The bare loop reads, decodes, crops and resizes into memory, and does nothing else: no hashes, no checks, no disk.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from edge.photos.dataset import Photo, open_dataset
from train.cache import CHUNK, THREADS, decoded


def main() -> None:
    """Print photos a second of both, and their ratio, as medians over rounds in which they take turns."""
    options = parsed()
    photos = open_dataset(options.dataset).photos[:: options.every]
    for photo in photos:
        photo.path.read_bytes()  # both find the files in memory
    seconds = [(timed(bare, photos, options.size), timed(cached, photos, options.size)) for _ in range(options.rounds)]
    bare_s, cache_s = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(f"{len(photos)} photos to {options.size} px, {THREADS} threads, median of {options.rounds} rounds")
    print(f"bare loop {len(photos) / bare_s:8.0f} photos/s")
    print(f"cache     {len(photos) / cache_s:8.0f} photos/s")
    print(f"ratio     {statistics.median(one / other for one, other in seconds):8.3f} (to reach: 0.85)")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo only")
    return parser.parse_args()


def timed(work: Callable[[Sequence[Photo], int], None], photos: Sequence[Photo], size: int) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    work(photos, size)
    return time.perf_counter() - started


def bare(photos: Sequence[Photo], size: int) -> None:
    """The least that turns files into pictures of one size."""
    images = np.empty((len(photos), size, size, 3), np.uint8)

    def load(first: int) -> None:
        for place in range(first, min(first + CHUNK, len(photos))):
            image = cv2.imread(str(photos[place].path))
            side = min(image.shape[:2])
            top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
            cv2.resize(image[top : top + side, left : left + side], (size, size), dst=images[place])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(load, range(0, len(photos), CHUNK)))


def cached(photos: Sequence[Photo], size: int) -> None:
    """The cache from nothing, safely on disk at the end."""
    with tempfile.TemporaryDirectory() as folder:
        decoded(photos, size, Path(folder))


if __name__ == "__main__":
    main()
