"""Closed outlines and open spines as points in unit coordinates: x right, y down, the picture spans -1 to 1."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
"""(K, 2) float64 of x and y."""


def ellipse(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Points:
    """An ellipse, ``turn`` in radians."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return moved(turned(np.stack([rx * np.cos(angle), ry * np.sin(angle)], axis=1), turn), cx, cy)


def rectangle(x0: float, y0: float, x1: float, y1: float, corner: float = 0.0) -> Points:
    """A box between two corners, its own corners rounded by ``corner``."""
    if not corner:
        return np.array([(x1, y1), (x0, y1), (x0, y0), (x1, y0)], np.float64)
    corner = min(corner, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    arc = np.linspace(0, np.pi / 2, 6)
    quarter = np.stack([np.cos(arc), np.sin(arc)], axis=1) * corner
    centres = [
        (x1 - corner, y1 - corner),
        (x0 + corner, y1 - corner),
        (x0 + corner, y0 + corner),
        (x1 - corner, y0 + corner),
    ]
    return np.concatenate([turned(quarter, k * np.pi / 2) + centre for k, centre in enumerate(centres)])


def smooth(points: ArrayLike, per_edge: int = 6) -> Points:
    """A closed Catmull-Rom curve through ``points``."""
    p1 = np.asarray(points, np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, per_edge, endpoint=False)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (p0, p1, p2, p3))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve.reshape(-1, 2))


def blob(
    rng: np.random.Generator, cx: float, cy: float, rx: float, ry: float, *, wobble: float = 0.15, knots: int = 9
) -> Points:
    """A rounded irregular shape; ``wobble`` is the deviation of its radius as a share."""
    angle = np.linspace(0, 2 * np.pi, knots, endpoint=False) + rng.uniform(0, 6.28)
    radius = 1 + wobble * rng.uniform(-1, 1, knots)
    return moved(smooth(np.stack([rx * radius * np.cos(angle), ry * radius * np.sin(angle)], axis=1)), cx, cy)


def jagged(rng: np.random.Generator, points: ArrayLike, depth: float, halvings: int = 3) -> Points:
    """A broken edge: every edge halved ``halvings`` times, each midpoint thrown out by up to ``depth`` of its edge."""
    line = np.asarray(points, np.float64)
    for _ in range(halvings):
        edge = np.roll(line, -1, 0) - line
        throw = rng.uniform(-depth, depth, (len(line), 1))
        middle = line + edge / 2 + edge[:, ::-1] * (1, -1) * throw
        line = np.stack([line, middle], axis=1).reshape(-1, 2)
    return line


def arc(start: Sequence[float], heading: float, length: float, curl: float, count: int = 14) -> Points:
    """An open spine that leaves ``start`` at ``heading`` radians and turns by ``curl`` radians on its way."""
    angle = heading + curl * np.linspace(0, 1, count - 1)
    steps = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (length / (count - 1))
    return np.concatenate([[start], start + np.cumsum(steps, axis=0)])


def ribbon(spine: Points, half_widths: ArrayLike) -> Points:
    """The outline of a strip along ``spine``; ``half_widths`` are spread evenly over its length."""
    given = np.atleast_1d(np.asarray(half_widths, np.float64))
    half = np.interp(np.linspace(0, 1, len(spine)), np.linspace(0, 1, len(given)), given)[:, None]
    along = np.gradient(spine, axis=0)
    normal = along[:, ::-1] * (-1, 1) / np.linalg.norm(along, axis=1, keepdims=True).clip(1e-9)
    return np.concatenate([spine + normal * half, (spine - normal * half)[::-1]])


def turned(points: Points, angle: float) -> Points:
    """``points`` turned about the origin by ``angle`` radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def moved(points: Points, x: float, y: float) -> Points:
    """``points`` moved by ``x`` and ``y``."""
    return np.asarray(points + np.array([x, y]))
