"""The surface that a drawing paints: colour, height and material maps that light turns into a picture later."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.sim import grain
from edge.sim.grain import Field
from edge.sim.outline import Points

Colour = Sequence[float] | NDArray[np.floating[Any]] | NDArray[np.uint8]
"""Red, green, blue from 0 to 255; or a picture of them, (N, N, 3) float32."""

_SHIFT = 6
"""Fraction bits of the coordinates handed to OpenCV, so that outlines lie between pixels."""


class Surface:
    """An item seen from above, not yet lit: maps of N x N pixels over unit coordinates (-1 to 1, y down).

    ``albedo`` (N, N, 3) 0-255; ``height`` in units (1 = half the picture); ``gloss``, ``metal`` and ``clear``
    0-1; ``cover`` 0-1, how much of a pixel the item covers. Masks are (N, N) float32 from 0 to 1.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        """Start empty; ``rng`` also places the textures."""
        self.rng = rng
        self.size = size
        self.x, self.y = _grid(size)
        self.albedo = np.zeros((size, size, 3), np.float32)
        self.height, self.gloss, self.metal, self.clear, self.cover = np.zeros((5, size, size), np.float32)

    def lay(
        self,
        mask: Field,
        colour: Colour | None = None,
        *,
        height: float | Field | None = None,
        lift: float | Field | None = None,
        gloss: float | Field | None = None,
        metal: float | Field | None = None,
        clear: float | Field | None = None,
        cover: bool = True,
    ) -> None:
        """Put a layer on where ``mask`` is; ``lift`` adds to the height, all else replaces, None keeps."""
        window = _window(mask)
        m = mask[window]
        if m.size == 0:
            return
        if colour is not None:
            here = self.albedo[window]
            paint = np.asarray(colour, np.float32)
            here += ((paint[window] if paint.ndim == 3 else paint) - here) * threefold(m)
        for field, value in ((self.height, height), (self.gloss, gloss), (self.metal, metal), (self.clear, clear)):
            if value is not None:
                field[window] += (_part(value, window) - field[window]) * m
        if lift is not None:
            self.height[window] += _part(lift, window) * m
        if cover:
            np.maximum(self.cover[window], m, out=self.cover[window])

    def fill(self, outline: ArrayLike) -> Field:
        """The mask inside a closed outline, with soft edges."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(canvas, [self._fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
        return _unit(canvas)

    def fills(self, outlines: Sequence[ArrayLike]) -> Field:
        """The mask of several outlines together."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        for outline in outlines:
            cv2.fillPoly(canvas, [self._fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
        return _unit(canvas)

    def stroke(self, *lines: ArrayLike, width: float = 0.02, closed: bool = False) -> Field:
        """The mask of open (or ``closed``) lines of one ``width``; below a pixel it fades instead of vanishing."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        wide = width * self.size / 2
        points = [self._fixed(line) for line in lines]
        cv2.polylines(canvas, points, closed, int(255 * min(1.0, wide)), max(1, round(wide)), cv2.LINE_AA, _SHIFT)
        return _unit(canvas)

    def band(self, x0: float, x1: float) -> Field:
        """The mask of the stripe between two x."""
        half = self.size / 2
        return np.asarray(((self.x - x0) * half + 0.5).clip(0, 1) * ((x1 - self.x) * half + 0.5).clip(0, 1), np.float32)

    def level(self, field: Field, above: float, softness: float = 0.1) -> Field:
        """The mask where ``field`` exceeds ``above``."""
        return np.asarray(((field - above) * (1 / softness) + 0.5).clip(0, 1), np.float32)

    def grain(self, feature: float) -> Field:
        """Fractal noise, mean 0 and deviation 1; ``feature`` is its coarsest feature in units."""
        return grain.grain(self.rng, (self.size, self.size), feature * self.size / 2)

    def creases(self, feature: float) -> Field:
        """Height of a crumpled sheet, mean 0 and deviation 1."""
        return grain.creases(self.rng, (self.size, self.size), feature * self.size / 2)

    def dome(self, mask: Field, radius: float) -> Field:
        """Height that rises from the mask's edge as a quarter circle of ``radius`` and is flat further in."""
        inside = (mask > 0.5).astype(np.uint8)
        far = cv2.distanceTransform(inside, cv2.DIST_L2, 3) * (2 / self.size / radius)
        return np.asarray(np.sqrt(1 - (1 - far.clip(0, 1)) ** 2) * radius, np.float32)

    def lathe(self, stations: Sequence[tuple[float, float]]) -> tuple[Field, Field, Field]:
        """A body of revolution lying along x, given as (x, radius): its mask, height and place across (-1 to 1)."""
        xs, radii = np.array(stations, np.float64).T
        outline = np.concatenate([np.stack([xs, -radii], 1), np.stack([xs, radii], 1)[::-1]])
        radius = np.interp(self.x[0], xs, radii, left=1e-3, right=1e-3).astype(np.float32).clip(1e-3)
        across = (self.y / radius).clip(-1, 1)
        return self.fill(outline), np.sqrt(1 - across**2) * radius, across

    def soften(self, field: Field, radius: float) -> Field:
        """``field`` blurred by ``radius`` units."""
        side = max(1, round(radius * self.size / 2)) * 2 + 1
        return np.asarray(cv2.blur(field, (side, side)), np.float32)

    def _fixed(self, outline: ArrayLike) -> NDArray[np.int32]:
        pixels = (np.asarray(outline, np.float64) + 1) * (self.size / 2) - 0.5
        return np.asarray(np.rint(pixels * (1 << _SHIFT)), np.int32)


def mix(first: Colour, second: Colour, share: Field) -> NDArray[np.float32]:
    """A picture between two colours: ``first`` where ``share`` is 0, ``second`` where it is 1."""
    a, b = np.asarray(first, np.float32), np.asarray(second, np.float32)
    weight = share.clip(0, 1).astype(np.float32, copy=False)
    if a.ndim == b.ndim == 1:
        return np.asarray(cv2.merge([weight * (far - near) + near for near, far in zip(a, b, strict=True)]), np.float32)
    return a + (b - a) * threefold(weight)


def shade(colour: Colour, change: Field) -> NDArray[np.float32]:
    """A picture of ``colour`` made lighter (0.1 is a tenth) or darker by ``change``."""
    return np.asarray(colour, np.float32) * threefold(1 + change)


def threefold(field: Field) -> NDArray[np.float32]:
    """``field`` as a grey picture (N, N, 3): whole arrays multiply several times faster than broadcast ones."""
    plane = field.astype(np.float32, copy=False)
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)


def vary(rng: np.random.Generator, colour: Sequence[float], by: float = 0.12) -> NDArray[np.float32]:
    """``colour`` a little lighter or darker, and a little off in hue."""
    factor = (1 + by * rng.uniform(-1, 1)) * (1 + 0.4 * by * rng.uniform(-1, 1, 3))
    return np.asarray(np.clip(np.asarray(colour) * factor, 0, 255), np.float32)


def pick(rng: np.random.Generator, palette: Sequence[Sequence[float]], by: float = 0.12) -> NDArray[np.float32]:
    """One colour of ``palette``, varied."""
    return vary(rng, palette[int(rng.integers(len(palette)))], by)


def spine_field(surface: Surface, spine: Points) -> Field:
    """How far along ``spine`` (0 to 1) the nearest of its points is, for every pixel."""
    coarse = np.linspace(-1, 1, 24, dtype=np.float32)
    gap = (coarse[None, :, None] - spine[:, 0]) ** 2 + (coarse[:, None, None] - spine[:, 1]) ** 2
    nearest = gap.argmin(axis=2).astype(np.float32) / (len(spine) - 1)
    return np.asarray(cv2.resize(nearest, (surface.size, surface.size), interpolation=cv2.INTER_LINEAR), np.float32)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Field, Field]:
    line = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
    x, y = np.meshgrid(line, line)
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def _window(mask: Field) -> tuple[slice, slice]:
    """The rows and columns outside which ``mask`` is 0."""
    left, top, width, height = cv2.boundingRect((mask > 0).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _part(value: float | Field, window: tuple[slice, slice]) -> float | Field:
    return value[window] if isinstance(value, np.ndarray) and value.ndim else value


def _unit(canvas: NDArray[np.uint8]) -> Field:
    return np.multiply(canvas, np.float32(1 / 255), dtype=np.float32)
