"""Dents: things that touch leave a deep dent between them, and a neck where they meet; most single things do not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.belt.matter import Mask

SEVERAL = 0.08
"""Depth of a dent, as a share of the largest item, from which on a thing with no width at its neck is several things.
Rendered items that it was chosen on: 9 of 400 touching pairs are not told, and 16 % of 800 single items are flagged
needlessly, such as banana peels, diapers, bones and apple cores. At 0.096 it is 12 pairs for 12 %, at 0.12 20 for 7 %;
what is left at any limit, such as a stick along a box, has no dent at all."""
NECK = 0.14
"""And how much deeper, likewise, where the neck is as wide as its border is long."""
STEP_MM = 6.0
"""The outline is looked at in steps of about that."""
APART_MM = 60.0
"""A neck has so much of outline on both of its sides: things are no smaller."""
TRIANGLE = 3
"""What has fewer corners has no inside."""


def several(seen: Mask, px_mm: float, max_item_mm: float) -> bool:
    """Whether what is seen of a body, (h, w) not 0, is that of several things which touch; `px_mm`: size of its pixels.

    Narrow gaps must be open: between round things that touch they are the dent.
    """
    limit = SEVERAL * max_item_mm / px_mm
    if min(seen.shape) / 2 < limit:  # nothing in it can reach deeper
        return False
    contours, _ = cv2.findContours(seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    step = max(1, round(STEP_MM / px_mm))
    outline = max(contours, key=len).reshape(-1, 2)[::step].astype(np.float32)
    corners = np.asarray(cv2.convexHull(np.concatenate(contours)), np.float32).reshape(-1, 2)
    dent = _deepest(outline, corners)
    return dent >= limit and dent - NECK * max_item_mm / px_mm * _neck(outline, APART_MM / px_mm) >= limit


def _deepest(outline: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    """How far inside of its convex hull an outline comes."""
    if len(corners) < TRIANGLE:
        return 0.0
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / lengths[:, None]
    return float(np.abs(outline @ normals.T - (corners * normals).sum(axis=1)).min(axis=1).max())


def _neck(outline: NDArray[np.float32], apart: float) -> float:
    """The least width of a body as a share of the shorter way along its outline; a disc has 0.64.

    Infinite where no two points are `apart` along it.
    """
    steps = np.linalg.norm(np.roll(outline, -1, axis=0) - outline, axis=1)
    along, total = np.cumsum(steps), steps.sum()
    ways = np.abs(along[:, None] - along)
    ways = np.minimum(ways, total - ways)
    x, y = outline.T
    widths = np.hypot(x[:, None] - x, y[:, None] - y)
    return float(np.min(widths / np.maximum(ways, 1e-3), where=ways >= apart, initial=np.inf))
