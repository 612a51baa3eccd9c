"""Light: how bright a frame is beside the empty belt, row by row, so that flicker and drift are no items."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

BLOCK_PX = 8
"""Side of the squares whose means are compared: enough pixels to average noise and texture, less than most items."""
OUTLIER = 0.2
"""A square that differs from the frame's own brightness by this share shows an item, a seam or a deep shadow."""
BARE_SHARE = 0.3
"""A row of squares knows its own light when so many of them show belt."""

Gains = NDArray[np.float32]
"""(h,) factors on the reference, one for each row: a rolling shutter reads rows at different phases of a lamp."""


class Light:
    """Compares frames of one size with one reference."""

    def __init__(self, reference: MatLike) -> None:
        """`reference`: (h, w) uint8, the empty belt."""
        self._height = reference.shape[0]
        self._blocks = _blocks(reference) + 1.0

    def gains(self, grey: MatLike) -> Gains:
        """How many times as bright as the reference each row of `grey`, (h, w) uint8, is lit."""
        ratios = (_blocks(grey) + 1.0) / self._blocks
        whole = float(np.median(ratios))
        bare = np.abs(ratios / whole - 1) < OUTLIER
        counts = bare.sum(axis=1)
        rows = np.where(bare, ratios, 0).sum(axis=1) / np.maximum(counts, 1)
        rows[counts < BARE_SHARE * ratios.shape[1]] = whole
        wide = cv2.resize(rows[:, None].astype(np.float32), (1, self._height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide[:, 0], np.float32)


def _blocks(grey: MatLike) -> NDArray[np.float32]:
    size = (max(1, grey.shape[1] // BLOCK_PX), max(1, grey.shape[0] // BLOCK_PX))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
