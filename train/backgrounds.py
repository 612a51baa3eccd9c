"""Product shots lose their white background: on a line, an item lies on a belt, and white says nothing of its class."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from edge.sim.belt import any_look, illuminate, lamp_light, rubber
from train.photos import THREADS
from train.views import BELTS, Rng

WHITE = 225
"""A background pixel is at least this light in every channel."""
BORDER_SHARE = 0.6
"""A product shot: so much of the picture's border is white. Scenes have less."""
TOLERANCE = 16
"""Grey levels below pure white that still are background: more would eat into light items."""
SMALLEST_ITEM = 0.08
"""Less of the picture than this left, and a light item was taken for its background."""
BELT_MM = 220.0
"""Width of the belt that a picture shows: an item and some room around it."""


@dataclass(frozen=True)
class Items:
    """Which pixels of each photo are its item: one bit each, all of them set where a photo is no product shot."""

    masks: NDArray[np.uint8]
    """(K, mask_bytes): the first one is all set."""
    of_photo: NDArray[np.int64]
    """(N,) row of each photo's mask."""

    def of(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Masks (n, mask_bytes) of the chosen photos."""
        return np.asarray(self.masks[self.of_photo[chosen]])


def find_items(images: Image) -> Items:
    """Find the items of (N, size, size, 3) uint8 RGB photos: half a millisecond each, once a run."""
    with ThreadPoolExecutor(THREADS, "items") as pool:
        found = list(pool.map(_packed_mask, images))
    whole = np.full(mask_bytes(images.shape[1]), 255, np.uint8)
    shots = np.array([mask is not None for mask in found], np.int64)
    return Items(np.stack([whole, *(mask for mask in found if mask is not None)]), np.cumsum(shots) * shots)


def mask_bytes(size: int) -> int:
    """Bytes of one bit for each of (size, size) pixels."""
    return -(-size * size // 8)


def item_mask(image: Image) -> NDArray[np.bool_] | None:
    """(size, size), true where (size, size, 3) uint8 RGB is not white connected with the border; None for a scene."""
    if not _on_white(image):
        return None
    item = ~_background(image)
    return item if item.mean() >= SMALLEST_ITEM else None


@cache
def belts(size: int) -> Image:
    """(BELTS, size, size, 3) uint8 RGB, running in all four directions."""
    rng = np.random.default_rng(0)
    return np.stack([np.rot90(_belt(rng, size), number) for number in range(BELTS)])


def _packed_mask(image: Image) -> NDArray[np.uint8] | None:
    item = item_mask(image)
    return None if item is None else np.packbits(item)


def _on_white(image: Image) -> bool:
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool((border.min(axis=1) >= WHITE).mean() >= BORDER_SHARE)


def _background(image: Image) -> NDArray[np.bool_]:
    """Where `image` is white in one piece with its border, and a pixel more, which JPEG has mixed with the item."""
    padded = cv2.copyMakeBorder(np.asarray(image), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    filled = np.zeros((padded.shape[0] + 2, padded.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (255 << 8)
    cv2.floodFill(padded, filled, (0, 0), 0, (TOLERANCE,) * 3, (TOLERANCE,) * 3, flags)
    return np.asarray(cv2.dilate(filled, np.ones((3, 3), np.uint8))[2:-2, 2:-2] > 0)


def _belt(rng: Rng, size: int) -> Image:
    look = any_look(rng)
    return illuminate(rubber(rng, look, (size, size), BELT_MM / size), lamp_light(rng, look, (size, size)))
