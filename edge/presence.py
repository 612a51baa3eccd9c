"""Presence: which pixels of a frame are not empty belt, and the boxes of the things they make up."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.preprocess import Box, Image, halved

WORK_WIDTH = 320
"""Frames are looked at in about this width: an item of 25 mm still covers some 100 pixels there."""
TEACH_FRAMES = 20
"""Empty-belt reference from the median of so many frames: an item passes each pixel in fewer than half of them."""
SURE, FAINT = 16.0, 8.0
"""Differences in grey levels (0-255) beyond the belt's own texture: a thing has a part that is surely not belt, and
reaches as far as it differs at all (hysteresis, as in Canny 1986). Sensor noise after the blur is under 4."""
DEVIATIONS = 3.0
"""A pixel is foreground beyond so many mean deviations of the belt's own texture at that place."""
FOLLOW = 0.02
"""Share of a new frame in the reference where the belt is bare: follows the light within seconds."""
HEAL = 0.0005
"""The same everywhere: what lies still or was taught wrongly becomes belt within minutes, a passing item leaves less
than the noise."""
BLOCKED_SHARE = 0.75
"""More foreground than this is no item: the light changed or something hangs before the lens."""


Mask = NDArray[np.uint8]
"""(h, w) uint8 at working size, 0 or 255."""


class Parts(NamedTuple):
    """The connected things in a frame at working size."""

    boxes: list[Box]
    areas: list[int]
    """Pixels of each."""
    belt: Mask
    """255 where none of them is."""
    covered: float
    """Their share of the view."""


class Presence:
    """Compares frames with a reference of the empty belt, which it teaches itself and follows where nothing lies."""

    def __init__(self, mm_per_px: float, min_item_mm: float, frame_width: int) -> None:
        self._halvings = max(0, round(math.log2(frame_width / WORK_WIDTH)))
        self._shrink = 2**self._halvings
        work_mm = mm_per_px * self._shrink
        self._min_area = (min_item_mm / work_mm) ** 2 / 2
        reach = max(3, round(min_item_mm / work_mm)) | 1
        self._bridge = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
        self._speck = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
        self._taught: list[Image] = []
        self._reference: NDArray[np.float32] | None = None
        self._texture: NDArray[np.float32] | None = None
        self.blocked = False
        """Nearly the whole view differs from the belt."""

    @property
    def ready(self) -> bool:
        """The empty belt is known."""
        return self._reference is not None

    def boxes(self, frame: Image) -> list[Box]:
        """Boxes of the items in `frame`, (H, W, 3) uint8 RGB, in its pixels; none while the belt is being taught."""
        small = self._small(frame)
        if self._reference is None:
            self._teach(small)
            return []
        parts = self._parts(small)
        self.blocked = parts.covered > BLOCKED_SHARE
        if self.blocked:
            self._teach(small)
            return []
        self._taught.clear()
        self._follow(small, parts.belt)
        large = [box for box, area in zip(parts.boxes, parts.areas, strict=True) if area >= self._min_area]
        return [Box(*(side * self._shrink for side in box)) for box in merge_overlapping(large)]

    def _small(self, frame: Image) -> Image:
        return np.asarray(cv2.blur(halved(frame, self._halvings), (3, 3)), np.uint8)

    def _teach(self, small: Image) -> None:
        self._taught.append(small)
        if len(self._taught) < TEACH_FRAMES:
            return
        middle = np.median(self._taught, axis=0)
        spread = np.median(np.abs(np.asarray(self._taught, np.int16) - middle.astype(np.int16)), axis=0)
        self._reference, self._texture = middle.astype(np.float32), spread.max(axis=2).astype(np.float32)
        self._taught.clear()

    def _parts(self, small: Image) -> Parts:
        """What is not belt, as connected parts."""
        assert self._reference is not None
        assert self._texture is not None
        reference = cv2.convertScaleAbs(self._reference)
        red, green, blue = cv2.split(cv2.absdiff(small, reference))
        difference = cv2.max(cv2.max(red, green), blue)
        beyond = cv2.subtract(difference, cv2.convertScaleAbs(self._texture, alpha=DEVIATIONS))
        faint = cv2.morphologyEx(self._beyond(beyond, FAINT), cv2.MORPH_CLOSE, self._bridge)
        return _parts_with(np.asarray(faint, np.uint8), self._beyond(beyond, SURE))

    def _beyond(self, difference: MatLike, limit: float) -> Mask:
        """Where a difference is above the limit, but for single pixels."""
        _, above = cv2.threshold(difference, limit, 255, cv2.THRESH_BINARY)
        return np.asarray(cv2.morphologyEx(above, cv2.MORPH_OPEN, self._speck), np.uint8)

    def _follow(self, small: Image, belt: Mask) -> None:
        assert self._reference is not None
        cv2.accumulateWeighted(small, self._reference, HEAL)
        cv2.accumulateWeighted(small, self._reference, FOLLOW, belt)


def _parts_with(faint: Mask, sure: Mask) -> Parts:
    """The connected parts of `faint` that hold a pixel of `sure`."""
    # 16-bit labels and take() in clip mode cost 0.2 ms instead of 0.5.
    _, labels, stats, _ = cv2.connectedComponentsWithStats(faint, ltype=cv2.CV_16U)
    kept = np.zeros(len(stats), bool)
    kept[labels[sure > 0]] = True
    kept[0] = False  # what lies outside every part
    belt = np.take(np.where(kept, 0, 255).astype(np.uint8), np.asarray(labels), mode="clip")
    rows = stats[kept].tolist()
    boxes = [Box(left, top, left + width, top + height) for left, top, width, height, _ in rows]
    areas = [row[cv2.CC_STAT_AREA] for row in rows]
    return Parts(boxes, areas, belt, sum(areas) / faint.size)


def merge_overlapping(boxes: list[Box]) -> list[Box]:
    """Join boxes that share pixels until none do: a ring and what lies in it are one item."""
    merged: list[Box] = []
    for box in boxes:
        grown = box
        while touching := next((other for other in merged if _overlap(grown, other)), None):
            merged.remove(touching)
            grown = Box(*map(min, grown[:2], touching[:2]), *map(max, grown[2:], touching[2:]))
        merged.append(grown)
    return merged


def _overlap(one: Box, other: Box) -> bool:
    across = one.left < other.right and other.left < one.right
    return across and one.top < other.bottom and other.top < one.bottom
