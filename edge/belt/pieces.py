"""Pieces: parts that lie in one straight line, with a gap shorter than they are wide, are one long thing.

The middle of a toothbrush or of a broken lamp may be as dark as the belt. Things of their own seldom lie like that: in
one line, and both of them slender.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

SLENDER = 4.5
"""Pieces make one thing that is so many times as long as wide: of real neighbours, 20 mm apart, the most slender made
4.2 times (300 pairs), and of lamps and toothbrushes in two pieces the stoutest 5.0 times."""
GAP = 2.0
"""What does not show is no longer than so many times the width of the narrower one."""
GAP_MM = 30.0
"""Nor than that."""
SLENDER_NEAR = 3.0
"""It need not be as slender where the gap is short: the neck of a bottle."""
NEAR_MM = 20.0
"""Things that lie apart have more belt between them."""
WIDER = 1.1
"""Nor are both together wider than the wider one by more than this: else they do not lie in line."""
BESIDE = 0.7
"""Share of the narrower one's width that lies within the other's."""
SIDEWAYS = np.array([-1, 1], np.float32)
"""Turns the swapped coordinates of a direction into those at right angles to it."""
PIXEL = 1.0
"""Points are the centres of pixels: what they span is one pixel more."""

Hull = NDArray[np.float32]
"""(n, 2) float32: x and y of the corners of a convex outline, working pixels."""


def parts_of(pixels: NDArray[np.uint8]) -> Sequence[MatLike]:
    """The outlines of the parts of what is not 0."""
    return cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]


def longest_of(parts: Sequence[MatLike]) -> int:
    """The longest side of a part's box; 0 where there is none."""
    return max((max(cv2.boundingRect(part)[2:]) for part in parts), default=0)


def hull_of(parts: Sequence[MatLike], left: int, top: int) -> Hull:
    """The convex outline of at least one part; `left`, `top`: where what they were found in lies."""
    points = np.concatenate([part.reshape(-1, 2) for part in parts])
    return _convex(points.astype(np.float32) + np.array([left, top], np.float32))


def both(one: Hull, other: Hull) -> Hull:
    """The convex outline that holds both."""
    return _convex(np.concatenate([one, other]))


def length_of(hull: Hull) -> float:
    """Of its longer side, working pixels."""
    return float(max(cv2.minAreaRect(hull)[1])) + PIXEL


def in_line(one: Hull, other: Hull, px_mm: float, longest_mm: float) -> bool:
    """Whether both are pieces of one thing, which is no longer than `longest_mm`; `px_mm`: size of a working pixel."""
    _, sides, degrees = cv2.minAreaRect(np.concatenate([one, other]))
    angle = np.radians(degrees if sides[0] >= sides[1] else degrees + 90)
    along = np.array([np.cos(angle), np.sin(angle)], np.float32)
    length, width = max(sides) + PIXEL, min(sides) + PIXEL
    near = length < SLENDER * width and _apart(one, other) * px_mm <= NEAR_MM
    slender = length >= (SLENDER_NEAR if near else SLENDER) * width
    return slender and length * px_mm <= longest_mm and _follows(one, other, along, px_mm)


def _convex(points: Hull) -> Hull:
    return np.asarray(cv2.convexHull(points), np.float32).reshape(-1, 2)


def _follows(one: Hull, other: Hull, along: NDArray[np.float32], px_mm: float) -> bool:
    """Whether, in this direction, one begins soon after the end of the other, and both have the same middle line."""
    across = along[::-1] * SIDEWAYS
    (left, right), (low, high) = _span(one, across), _span(other, across)
    widths = right - left + PIXEL, high - low + PIXEL
    width = max(right, high) - min(left, low) + PIXEL
    shared = min(right, high) - max(left, low) + PIXEL
    first, second = sorted((_span(one, along), _span(other, along)))
    gap = second[0] - first[1] - PIXEL
    near = gap <= min(GAP * min(widths), GAP_MM / px_mm)
    return near and width <= WIDER * max(widths) and shared >= BESIDE * min(widths)


def _span(hull: Hull, direction: NDArray[np.float32]) -> tuple[float, float]:
    points = hull @ direction
    return float(points.min()), float(points.max())


def _apart(one: Hull, other: Hull) -> float:
    """The least distance between both, working pixels; 0 or less where they overlap."""
    return -max(
        cv2.pointPolygonTest(hull[:, None], corner, measureDist=True)
        for hull, corners in ((one, other.tolist()), (other, one.tolist()))
        for corner in corners
    )
