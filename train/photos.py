"""All photos of a run as one array, decoded at most once: nothing of the disk is left to limit an epoch."""

from collections.abc import Sequence
from pathlib import Path

from edge.photos.cache_folder import cache_folder
from edge.photos.dataset import Photo
from edge.preprocess import Image
from train.cache import THREADS, decoded

__all__ = ["THREADS", "load_photos"]


def load_photos(photos: Sequence[Photo], size: int, cache: Path | None = None) -> Image:
    """The photos as (N, size, size, 3) uint8 RGB in their order: a read-only memory map kept below `cache`.

    Takes size * size * 3 bytes of disk a photo: 1 GB for 6,661 at 224, and what of it fits stays in memory. `cache` is
    the user's by default. Raises DatasetError naming the first broken photo, RunError when they cannot be kept.
    """
    return decoded(photos, size, cache or cache_folder())
