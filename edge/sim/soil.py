"""Dirt that is no item: crumbs on the belt, a metal splice, spots on the lens."""

import cv2
import numpy as np

from edge.sim.belt import Picture

_CRUMBS_MM = (3.0, 15.0)
_SPLICE_MM = 20.0
_SPLICE = (34, 35, 38)
"""Darker than rubber: oiled steel."""


def strew(rng: np.random.Generator, belt: Picture, mm_per_px: float, per_m: float) -> None:
    """Put crumbs and smears on a piece of belt, in place: about `per_m` on each metre of it."""
    height, width = belt.shape[:2]
    for _ in range(rng.poisson(per_m * width * mm_per_px / 1000)):
        long, short = (max(1, round(side / 2 / mm_per_px)) for side in rng.uniform(*_CRUMBS_MM, 2).tolist())
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        shade = int(rng.choice((25, 40, 95, 120, 150)))
        colour = (shade, round(shade * 0.95), round(shade * 0.8))
        cv2.ellipse(belt, centre, (long, short), float(rng.uniform(0, 180)), 0.0, 360.0, colour, -1, cv2.LINE_AA)


def fasten(belt: Picture, mm_per_px: float) -> None:
    """Join the ends of a piece of belt by a row of metal fasteners, in place, at its middle."""
    middle, half = belt.shape[1] // 2, max(1, round(_SPLICE_MM / 2 / mm_per_px))
    belt[:, middle - half : middle + half] = _SPLICE
    pitch = max(2, round(12 / mm_per_px))
    belt[::pitch, middle - half : middle + half] = (90, 92, 96)


def spotted(rng: np.random.Generator, light: Picture, spots: int) -> Picture:
    """`light` behind a lens with so many drops on it."""
    seen = np.full(light.shape[:2], 255, np.uint8)
    height, width = light.shape[:2]
    for _ in range(spots):
        radius = round(rng.uniform(0.01, 0.04) * width)
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.circle(seen, centre, radius, int(rng.uniform(90, 190)), -1)
    side = max(3, width // 60 | 1)
    soft = cv2.blur(cv2.blur(seen, (side, side)), (side, side))
    return np.asarray(cv2.multiply(light, cv2.merge([soft, soft, soft]), scale=1 / 255), np.uint8)
