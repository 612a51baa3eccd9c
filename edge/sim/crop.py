"""One labelled picture for a dataset: an item on some belt, framed as the daemon crops an item."""

import cv2
import numpy as np

from edge.sim.belt import Picture, any_look, expose, illuminate, lamp_light, rubber, sensor_noise, smear
from edge.sim.items import Drawing
from edge.sim.light import Sprite
from edge.sim.stamp import press, resized, stamp

_MARGIN = (0.05, 0.40)
"""Free belt on each side of the item's box, as a share of its longer side."""

_SHARPNESS = (0.4, 1.0)
"""Camera pixels per pixel of the picture: distant items are enlarged."""


def crop(rng: np.random.Generator, drawing: Drawing, size: int) -> Picture:
    """A new item of ``drawing`` on a new belt: (size, size, 3) uint8, RGB."""
    pixels = round(size * rng.uniform(*_SHARPNESS)) if rng.random() < 0.5 else size
    margin = rng.uniform(*_MARGIN)
    longest = pixels / (1 + 2 * margin)
    look = any_look(rng)
    mm_per_px = rng.uniform(80, 230) / longest
    smear_px = rng.exponential(1.2) / mm_per_px
    picture = smear(rubber(rng, look, (pixels, pixels), mm_per_px), smear_px)
    _put_item(rng, picture, drawing(rng, round(longest * 1.12)), margin, smear_px)
    seen = illuminate(picture, lamp_light(rng, look, (pixels, pixels)))
    seen = expose(seen, sensor_noise(rng, look, seen.size))
    return _as_mounted(rng, np.asarray(cv2.resize(seen, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8))


def _put_item(rng: np.random.Generator, picture: Picture, sprite: Sprite, margin: float, smear_px: float) -> None:
    """Put ``sprite`` near the middle, so large that ``margin`` of its longer side stays free around it."""
    longest = picture.shape[0] / (1 + 2 * margin)
    scale = longest / max(sprite.shape[:2])
    height, width = (max(2, round(side * scale)) for side in sprite.shape[:2])
    depth = longest * rng.uniform(0.02, 0.07)
    ready, border = stamp(
        resized(sprite, width, height), shadow_px=depth, darkness=rng.uniform(0.25, 0.75), smear_px=smear_px
    )
    jitter = rng.uniform(-0.6, 0.6, 2) * margin * longest
    left, top = ((picture.shape[0] - side) / 2 + by - border for side, by in zip((width, height), jitter, strict=True))
    press(picture, ready, round(left), round(top))


def _as_mounted(rng: np.random.Generator, picture: Picture) -> Picture:
    """Cameras hang in any of four ways."""
    quarters = int(rng.integers(4))
    return np.asarray(cv2.rotate(picture, quarters - 1), np.uint8) if quarters else picture
