"""The belt without items: rubber and its wear, the light that falls on it, the camera's noise."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.grain import Field, creases, grain
from edge.sim.paint import mix, vary

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""

_BELTS = (
    (52, 54, 55),
    (38, 38, 40),
    (44, 66, 54),
    (60, 96, 74),
    (46, 74, 118),
    (120, 122, 122),
    (196, 196, 190),
    (150, 152, 156),
    (92, 84, 76),
)
"""Rubber in greys and black, PVC in greens and blue, white food belts, steel, worn canvas."""


@dataclass(frozen=True)
class Look:
    """How one belt under one lamp looks to one camera."""

    colour: tuple[float, float, float]
    """Red, green, blue of the clean belt, 0 to 255."""
    pattern: str
    """``plain``, ``woven``, ``ribbed`` or ``brushed``."""
    wear: float
    """0 new to 1 scuffed and dirty."""
    wet: float
    """0 dry to 1 with wet patches."""
    lamp: tuple[float, float, float]
    """Factors on red, green and blue: the lamp's colour times the exposure."""
    falloff: float
    """Share of the light lost from the brightest place to the darkest."""
    noise: float
    """Deviation of the sensor noise in grey levels."""


def plant_look(rng: np.random.Generator) -> Look:
    """A dark grey to green rubber belt as in a sorting plant."""
    colour = vary(rng, ((58, 61, 61), (50, 58, 54), (62, 62, 60))[int(rng.integers(3))], 0.08)
    return Look(_triple(colour), "woven", 0.5, 0.4, (1.0, 0.99, 0.96), 0.3, 2.6)


def any_look(rng: np.random.Generator) -> Look:
    """Any belt, lamp and camera: far more variety than one plant has."""
    colour = vary(rng, _BELTS[int(rng.integers(len(_BELTS)))], 0.3)
    warmth, exposure = rng.normal(0, 0.09), float(np.exp(rng.normal(0, 0.2)))
    lamp = (exposure * (1 + warmth), exposure * (1 + 0.03 * rng.normal()), exposure * (1 - warmth))
    pattern = ("plain", "woven", "ribbed", "brushed")[int(rng.integers(4))]
    return Look(
        _triple(colour),
        pattern,
        rng.uniform(0, 1),
        rng.uniform(-0.8, 1),
        lamp,
        rng.uniform(0.05, 0.5),
        rng.uniform(1, 7),
    )


def rubber(rng: np.random.Generator, look: Look, shape: tuple[int, int], mm_per_px: float) -> Picture:
    """The belt's surface under even light; the belt runs along the rows' direction (x)."""
    shade = 1 + 0.035 * grain(rng, shape, 60 / mm_per_px) + 0.03 * grain(rng, shape, 6 / mm_per_px)
    shade += _pattern(look, shape, mm_per_px)
    shade *= _soil(rng, look, shape, mm_per_px) * _seam(rng, shape, mm_per_px)
    marks = _dust(rng, look, shape, mm_per_px) + _scuffs(rng, look, shape, mm_per_px)
    planes = [shade * paint + marks * tone for paint, tone in zip(look.colour, (1.0, 0.95, 0.85), strict=True)]
    return np.asarray(cv2.merge(planes).clip(0, 255), np.uint8)


def looped(strip: Picture, blend: int) -> Picture:
    """``strip`` less its last ``blend`` columns, which fade into the first, so that it repeats without a step."""
    share = np.linspace(1, 0, blend, dtype=np.float32)
    ring = strip[:, :-blend].copy()
    ring[:, :blend] = mix(strip[:, :blend], strip[:, -blend:], np.broadcast_to(share, (strip.shape[0], blend)))
    return ring


def lamp_light(rng: np.random.Generator, look: Look, shape: tuple[int, int]) -> Picture:
    """The light on every pixel for :func:`illuminate`: 128 is a factor of 1."""
    y, x = np.ogrid[-1:1:24j, -1:1:32j]
    cx, cy = rng.uniform(-0.5, 0.5, 2)
    distance = ((x - cx) ** 2 + (y - cy) ** 2) / (2 + abs(cx) + abs(cy))
    falling = (128 * (1 - look.falloff * np.minimum(distance, 1.0))).astype(np.float32)
    wide = cv2.resize(falling, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.merge([wide * factor for factor in look.lamp]).clip(0, 255), np.uint8)


def illuminate(picture: Picture, light: Picture, factor: float = 1.0) -> Picture:
    """``picture`` under ``light``, ``factor`` times as bright."""
    return np.asarray(cv2.multiply(picture, light, scale=factor / 128), np.uint8)


def sensor_noise(rng: np.random.Generator, look: Look, values: int) -> NDArray[np.int8]:
    """``values`` noise values, flat, to be added to pixels."""
    white = _white()
    start = int(rng.integers(len(white)))
    window = (
        np.resize(np.concatenate([white[start:], white[:start]]), values)
        if values > len(white) - start
        else white[start : start + values]
    )
    return np.rint(window * np.float32(look.noise / 32)).astype(np.int8)


def expose(picture: Picture, noise: NDArray[np.int8]) -> Picture:
    """``picture`` as the sensor reads it; ``noise`` holds as many values as the picture."""
    return np.asarray(cv2.add(picture, noise.reshape(picture.shape), dtype=cv2.CV_8U), np.uint8)


def smear(picture: Picture, length_px: float) -> Picture:
    """Motion blur along the belt over ``length_px``."""
    side = round(length_px) // 2 * 2 + 1
    return np.asarray(cv2.blur(picture, (side, 1)), np.uint8) if side > 1 else picture


@cache
def _white() -> NDArray[np.int8]:
    """White noise of deviation 32."""
    return np.rint(np.random.default_rng(3).standard_normal(1 << 21, np.float32) * 32).clip(-127, 127).astype(np.int8)


def _pattern(look: Look, shape: tuple[int, int], mm_per_px: float) -> Field:
    y, x = np.ogrid[0 : shape[0], 0 : shape[1]]
    across, along = y * np.float32(mm_per_px), x * np.float32(mm_per_px)
    if look.pattern == "woven":
        return np.asarray(0.03 * np.sin(along * 0.9) * np.sin(across * 0.9), np.float32)
    if look.pattern == "ribbed":
        return np.asarray(0.07 * np.sin(across * 0.35) + 0 * along, np.float32)
    if look.pattern == "brushed":
        return np.asarray(0.03 * np.sin(across * 1.7) + 0.02 * np.sin(across * 0.61) + 0 * along, np.float32)
    return np.zeros(shape, np.float32)


def _soil(rng: np.random.Generator, look: Look, shape: tuple[int, int], mm_per_px: float) -> Field:
    """Factors of old stains, wet patches and specks of dirt."""
    stains = (grain(rng, shape, 90 / mm_per_px) - 1.0).clip(0, 1.5) * (0.3 * look.wear)
    wet = ((grain(rng, shape, 130 / mm_per_px) - 1.8 + 0.6 * look.wet) * 2).clip(0, 1) * (0.3 * abs(look.wet))
    specks = (grain(rng, shape, 5 / mm_per_px) > 3.0 - 0.35 * look.wear) * np.float32(rng.uniform(-0.4, 0.8))
    return np.asarray(1 - stains - wet + specks, np.float32)


def _dust(rng: np.random.Generator, look: Look, shape: tuple[int, int], mm_per_px: float) -> Field:
    return np.asarray((creases(rng, shape, 160 / mm_per_px) - 0.5).clip(0, 2) * (7 * look.wear), np.float32)


def _scuffs(rng: np.random.Generator, look: Look, shape: tuple[int, int], mm_per_px: float) -> Field:
    """Pale scratches, most of them along the belt."""
    marks = np.zeros(shape, np.uint8)
    for _ in range(int(look.wear * shape[0] * shape[1] * mm_per_px**2 / 6000)):
        x, y, long = rng.uniform(0, shape[1]), rng.uniform(0, shape[0]), rng.exponential(30) / mm_per_px
        end = (int(x + long), int(y + rng.normal(0, 0.15) * long))
        cv2.line(marks, (int(x), int(y)), end, int(rng.uniform(8, 34)), 1, cv2.LINE_AA)
    return marks.astype(np.float32)


def _seam(rng: np.random.Generator, shape: tuple[int, int], mm_per_px: float) -> Field:
    """Factors of the vulcanised splice where the belt's ends are joined: a long piece has one, a short piece seldom.

    A faint line: one twice as dark, as metal fasteners make it, is an item to the daemon at every turn of the belt.
    """
    seam = np.zeros(shape, np.uint8)
    if shape[1] * mm_per_px > 1000 or rng.random() < 0.1:
        x, slant = rng.uniform(0.1, 0.9) * shape[1], 25 / mm_per_px
        cv2.line(seam, (int(x), 0), (int(x + slant), shape[0]), 255, max(1, round(3 / mm_per_px)), cv2.LINE_AA)
    return np.asarray(1 - seam * np.float32(0.15 / 255), np.float32)


def _triple(colour: NDArray[np.float32]) -> tuple[float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2])
