"""Product shots lose their white background: on a line, an item lies on a belt, and white says nothing of its class."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from edge.sim.belt import any_look, illuminate, lamp_light, rubber

Rng = np.random.Generator

WHITE = 225
"""A background pixel is at least this light in every channel."""
BORDER_SHARE = 0.6
"""A product shot: so much of the picture's border is white. Scenes have less."""
TOLERANCE = 16
"""Grey levels below pure white that still are background: more would eat into light items."""
SMALLEST_ITEM = 0.08
"""Less of the picture than this left, and a light item was taken for its background."""
BELTS = 96
"""Different belts to draw from; each is moved, lit and coloured anew by the augmentation that follows."""
BELT_MM = 220.0
"""Width of the belt that a picture shows: an item and some room around it."""


def replace_background(image: Image, rng: Rng) -> Image:
    """`image`, (size, size, 3) uint8 RGB, before a belt instead of white; other photos come back as they are."""
    if not _on_white(image):
        return image
    item = _item_mask(image)
    if item.mean() < SMALLEST_ITEM:
        return image
    belts = _belts(image.shape[0])
    belt = np.rot90(belts[rng.integers(len(belts))], rng.integers(4))
    return np.asarray(image * item + belt * (1 - item), np.uint8)


def _on_white(image: Image) -> bool:
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool((border.min(axis=1) >= WHITE).mean() >= BORDER_SHARE)


def _item_mask(image: Image) -> NDArray[np.float32]:
    """1 on the item, 0 on white that is connected with the border, soft between: (size, size, 1) float32."""
    padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    filled = np.zeros((padded.shape[0] + 2, padded.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (255 << 8)
    cv2.floodFill(padded, filled, (0, 0), 0, (TOLERANCE,) * 3, (TOLERANCE,) * 3, flags)
    background = cv2.GaussianBlur(cv2.dilate(filled, None)[2:-2, 2:-2], (3, 3), 0)
    return 1 - background[..., None].astype(np.float32) / 255


@cache
def _belts(size: int) -> list[Image]:
    rng = np.random.default_rng(0)
    return [_belt(rng, size) for _ in range(BELTS)]


def _belt(rng: Rng, size: int) -> Image:
    look = any_look(rng)
    return illuminate(rubber(rng, look, (size, size), BELT_MM / size), lamp_light(rng, look, (size, size)))
