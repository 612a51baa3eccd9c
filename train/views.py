"""What is drawn for every view of a photo: a row of numbers on the host, which the device turns into pixels.

The kinds are the paper's (brightness, size, colour, noise, blur, flip) plus rotation, aspect, random erasing, another
background, mixup and cutmix. A batch's rows come from one generator, so its seed says all about the batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Draws = NDArray[np.float32]
"""(N, WIDTH), a row a photo."""

ZOOM_OUT, ZOOM_IN = 1.4, 1.6
"""At strength 1 an item looks up to so many times smaller or larger."""
ASPECT = 1.2
SHIFT = 0.12
"""Of the side."""
BRIGHTNESS, CONTRAST = 40.0, 1.35
SATURATION = 0.5
WHITE_BALANCE = 0.08
"""Standard deviation of the log gain of each channel: lamps differ in colour."""
BLUR_CHANCE, BLUR_SIGMA = 0.35, 2.0
"""In pixels at a side of 224; along each axis its own, as motion blurs only one."""
NOISE_CHANCE, NOISE_SIGMA = 0.5, 14.0
NOISE_STRIP = 8
"""Pictures' worth of noise to cut from."""
ERASE_CHANCE, ERASE_SIDES = 0.25, (0.1, 0.4)
"""A rectangle with sides of this share of the picture's."""
BELTS = 96
"""Different belts to lie on; each is moved, lit and coloured anew by what follows."""

LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601."""
GREY = 128.0
REFLECT, REPLICATE, FILL = range(3)
"""What lies beyond a photo's border: its mirror image, its last pixel, or one colour."""
NO_BELT = -1.0

WIDTHS: Mapping[str, int] = MappingProxyType(
    {
        "belt": 1,  # number of the belt below the item, or NO_BELT
        "to_source": 6,  # 2 x 3: (column, row, 1) of the view -> (x, y) in the photo
        "border": 1,
        "fill": 3,
        "colour": 12,  # 3 x 4: (red, green, blue, 1) -> red, green, blue
        "blur": 2,  # deviation in pixels along rows and along columns
        "noise": 2,  # deviation in grey levels, and first row in the strip
        "erase": 4,  # top, left, height, width in pixels
        "erased": 3,  # its colour
        "blend": 1,  # share of the partner, the photo before it in the batch, in every pixel (mixup)
        "paste": 4,  # top, left, height, width of the piece that is the partner's (cutmix)
    }
)
WIDTH = sum(WIDTHS.values())


@dataclass(frozen=True)
class Variety:
    """How far views may differ from their photo."""

    strength: float
    """Scales every kind of the paper's: 0 is none, 1 moderate."""
    turn: float = 25.0
    """Degrees to either side at strength 1; 180 is any way round."""
    backgrounds: float = 0.0
    """Chance that a product shot lies on a belt."""
    mixup: float = 0.0
    """Alpha of the Beta distribution of the partner's share (Zhang et al. 2018); 0 is off."""
    cutmix: float = 0.0
    """Alpha of the Beta distribution of the pasted share (Yun et al. 2019); 0 is off, with mixup every second photo."""

    @property
    def mixes(self) -> bool:
        """Whether a view may show two photos."""
        return self.mixup > 0 or self.cutmix > 0

    @property
    def varies(self) -> bool:
        """Whether a view may differ from its photo at all."""
        return self.strength > 0 or self.backgrounds > 0 or self.mixes


def draw(rng: Rng, count: int, size: int, variety: Variety) -> Draws:
    """Rows for `count` photos of (size, size); the same state of `rng` gives the same rows."""
    blend, paste = _mix(rng, count, size, variety)
    strength = variety.strength
    drawn = {
        "belt": np.where(_chance(rng, count, variety.backgrounds), rng.integers(BELTS, size=(count, 1)), NO_BELT),
        "to_source": _to_source(rng, count, size, variety),
        "border": rng.integers(3, size=(count, 1)),
        "fill": rng.integers(256, size=(count, 3)),
        "colour": _colour(rng, count, strength),
        "blur": _blur(rng, count, size, strength),
        "noise": _noise(rng, count, size, strength),
        "erase": _erase(rng, count, size, strength),
        "erased": rng.integers(256, size=(count, 3)),
        "blend": blend,
        "paste": paste,
    }
    return np.concatenate([drawn[name] for name in WIDTHS], axis=1).astype(np.float32)


def fields(draws: Any) -> dict[str, Any]:
    """The columns of `draws` by name, each (N, its width)."""
    ends = np.cumsum(list(WIDTHS.values())).tolist()
    return {name: draws[:, end - WIDTHS[name] : end] for name, end in zip(WIDTHS, ends, strict=True)}


def partner_share(draws: Draws, size: int) -> NDArray[np.float32]:
    """(N,): how much of each view is its partner's."""
    drawn = fields(draws)
    _, _, height, width = drawn["paste"].T
    return np.asarray(drawn["blend"][:, 0] + height * width / size**2, np.float32)


def _chance(rng: Rng, count: int, chance: float) -> NDArray[np.bool_]:
    return rng.random((count, 1)) < chance


def _to_source(rng: Rng, count: int, size: int, variety: Variety) -> NDArray[np.float64]:
    """Zoom, aspect, flips, rotation and shift in one warp, so that pixels are interpolated once."""
    centre = np.full(2, (size - 1) / 2)
    linear = _turn(rng, count, variety) * _scales(rng, count, variety.strength)[:, None, :]
    shift = rng.uniform(-SHIFT, SHIFT, (count, 2)) * variety.strength * size
    offset = centre + shift - linear @ centre
    return np.concatenate([linear, offset[..., None]], axis=2).reshape(count, 6)


def _turn(rng: Rng, count: int, variety: Variety) -> NDArray[np.float64]:
    angle = np.radians(rng.uniform(-variety.turn, variety.turn, count) * variety.strength)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos, -sin, sin, cos], axis=1).reshape(count, 2, 2)


def _scales(rng: Rng, count: int, strength: float) -> NDArray[np.float64]:
    """Source pixels per pixel along x and y; a negative one flips."""
    zoom = rng.uniform(-np.log(ZOOM_IN), np.log(ZOOM_OUT), count) * strength
    aspect = rng.uniform(-np.log(ASPECT), np.log(ASPECT), count) * strength / 2
    flips = np.where(_chance(rng, count * 2, 0.5 if strength else 0), -1.0, 1.0).reshape(count, 2)
    return np.asarray(np.exp(np.stack([zoom + aspect, zoom - aspect], axis=1)) * flips, np.float64)


def _colour(rng: Rng, count: int, strength: float) -> NDArray[np.float64]:
    """Brightness, contrast, saturation and white balance as one 3 x 4 matrix."""
    saturation = 1 + rng.uniform(-SATURATION, SATURATION, (count, 1, 1)) * strength
    mix = saturation * np.eye(3) + (1 - saturation) * LUMA
    gains = np.exp(rng.normal(0, WHITE_BALANCE * strength, (count, 3, 1)))
    contrast = np.exp(rng.uniform(-np.log(CONTRAST), np.log(CONTRAST), (count, 1, 1)) * strength)
    offset = GREY * (1 - contrast) + rng.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1)) * strength
    matrices = np.concatenate([contrast * gains * mix, np.broadcast_to(offset, (count, 3, 1))], axis=2)
    return matrices.reshape(count, 12)


def _blur(rng: Rng, count: int, size: int, strength: float) -> NDArray[np.float64]:
    deviations = rng.uniform(0.05, 1.0, (count, 2)) * BLUR_SIGMA * strength * size / 224
    return np.where(_chance(rng, count, BLUR_CHANCE * strength), deviations, 0.0)


def _noise(rng: Rng, count: int, size: int, strength: float) -> NDArray[np.float64]:
    deviation = rng.uniform(0, NOISE_SIGMA * strength, (count, 1)) * _chance(rng, count, NOISE_CHANCE * strength)
    return np.concatenate([deviation, rng.integers((NOISE_STRIP - 1) * size, size=(count, 1))], axis=1)


def _erase(rng: Rng, count: int, size: int, strength: float) -> NDArray[np.float64]:
    sides = np.floor(rng.uniform(*ERASE_SIDES, (count, 2)) * size)
    corner = np.floor(rng.random((count, 2)) * (size - sides))
    return np.concatenate([corner, sides * _chance(rng, count, ERASE_CHANCE * strength)], axis=1)


def _mix(rng: Rng, count: int, size: int, variety: Variety) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each photo is blended (count, 1) or pasted (count, 4) with its partner, as far as `variety` allows."""
    if not variety.mixes:
        return np.zeros((count, 1)), np.zeros((count, 4))
    pasted = _chance(rng, count, variety.cutmix > 0 and 1 / (1 + (variety.mixup > 0)))
    blend = rng.beta(variety.mixup or 1, variety.mixup or 1, (count, 1))
    share = rng.beta(variety.cutmix or 1, variety.cutmix or 1, (count, 1))
    return np.where(pasted, 0.0, blend), _piece(rng, share, size) * pasted


def _piece(rng: Rng, share: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Squares of `share` (N, 1) of the picture around a random place, cut off at the border: (N, 4)."""
    centre = rng.random((len(share), 2)) * size
    half = np.sqrt(share) * size / 2
    first, end = (np.rint(np.clip(edge, 0, size)) for edge in (centre - half, centre + half))
    return np.concatenate([first, end - first], axis=1)
