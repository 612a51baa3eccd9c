"""Portraits: each thing as the mean of the frames that it rode through, which show finer and fainter ends than one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.belt.ends import OUTSIDE_MM, Likeness, ends_of
from edge.belt.matter import Mask
from edge.preprocess import Box, Image

FRAMES = 15
"""Frames of which a portrait is the mean: older ones fade, for the belt's speed may not be exactly as told."""
ABOVE_MM = 25.0
"""A portrait shows so much beside the thing: a thin end may be slanted."""
SAME_MM = 12.0
"""A thing whose coarse box has moved by more against the belt is another thing, or another part of it."""
EVERY = 3
"""Ends are looked for in each frame at first, then after so many: more frames change little."""
NOTHING = 0.1
"""Added to both sides of a ratio, in grey levels: where no frame shows the belt it is 1."""


Place = tuple[float, float, int, int]
"""Coarse begin and end along the belt, less the belt's travel, and across it, in pixels of `Shot.fine`."""


class Shot(NamedTuple):
    """A frame, made ready for portraits; (h, w) at working size, and a whole number of times as large."""

    fine: Image
    """(H, W, 3) uint8 RGB."""
    coarse: Image
    """(h, w, 4) what the frame would show were it empty, and the mask of the things."""
    travel_px: float
    """How far the belt has carried what lies on it, in pixels of `fine` to the right, or down."""


@dataclass
class Portrait:
    """One thing, positions as in `Place`."""

    along: float
    across: int
    """Where its picture begins."""
    place: Place
    """Of the thing as it was seen first."""
    fine: NDArray[np.float32]
    """(H, W, 3) mean of the frames, along the belt from left to right."""
    coarse: NDArray[np.float32]
    """(h, w, 4) mean of the empty belt's colour and of the coarse mask."""
    frames: int = 0
    ends: tuple[float, float] | None = None
    seen: bool = True


class Portraits:
    """The portraits of what is in view; frames of one size, `finer` times as large as at working size."""

    def __init__(self, mm_per_px: float, finer: int, *, level: bool) -> None:
        """`mm_per_px`: of fine pixels; `level`: the belt runs along the picture's rows."""
        self.mm_per_px, self._finer, self._level = mm_per_px, finer, level
        self._known: list[Portrait] = []

    def ends(self, shot: Shot, boxes: Sequence[Box]) -> list[tuple[float, float] | None]:
        """Begin and end of the thing in each box (working size) in fine pixels along the belt, left or upper end first.

        None: they do not show. Things that are in no box are forgotten.
        """
        for portrait in self._known:
            portrait.seen = False
        ends = [self._of(shot, box) for box in boxes]
        self._known = [portrait for portrait in self._known if portrait.seen]
        return ends

    def _of(self, shot: Shot, box: Box) -> tuple[float, float] | None:
        left, top, right, bottom = (self._finer * side for side in box)
        along, across = ((left, right), (top, bottom)) if self._level else ((top, bottom), (left, right))
        place = (along[0] - shot.travel_px, along[1] - shot.travel_px, *across)
        portrait = next((one for one in self._known if not one.seen and self._same(one, place)), None)
        if portrait is None:
            portrait = self._begun(place)
            self._known.append(portrait)
        portrait.seen = True
        self._add(portrait, shot)
        if portrait.frames <= EVERY or portrait.frames % EVERY == 0:
            portrait.ends = ends_of(self._likeness(portrait))
        if portrait.ends is None:
            return None
        begin = portrait.along + shot.travel_px
        return begin + portrait.ends[0], begin + portrait.ends[1]

    def _same(self, portrait: Portrait, place: Place) -> bool:
        return max(abs(a - b) for a, b in zip(portrait.place, place, strict=True)) * self.mm_per_px <= SAME_MM

    def _begun(self, place: Place) -> Portrait:
        outside, above = (self._finer * round(mm / self.mm_per_px / self._finer) for mm in (OUTSIDE_MM, ABOVE_MM))
        width = round(place[1] - place[0]) + 2 * outside
        height = place[3] - place[2] + 2 * above
        return Portrait(
            along=place[0] - outside,
            across=place[2] - above,
            place=place,
            fine=np.zeros((height, width, 3), np.float32),
            coarse=np.zeros((height // self._finer, width // self._finer, 4), np.float32),
        )

    def _add(self, portrait: Portrait, shot: Shot) -> None:
        portrait.frames += 1
        weight = 1 / min(portrait.frames, FRAMES)
        along, finer = portrait.along + shot.travel_px, self._finer
        self._blend(portrait.fine, shot.fine, along, portrait.across, weight)
        self._blend(portrait.coarse, shot.coarse, along / finer, portrait.across // finer, weight)

    def _blend(self, mean: NDArray[np.float32], picture: Image, along: float, across: int, weight: float) -> None:
        """Blend into a mean the part of a picture that begins there; what is outside of the picture stays as it is."""
        turned = picture if self._level else picture.swapaxes(0, 1)
        begin, (height, width) = math.floor(along), mean.shape[:2]
        left, right = max(0, begin), min(turned.shape[1] - 1, begin + width)
        top, bottom = max(0, across), min(turned.shape[0], across + height)
        if left >= right or top >= bottom:
            return
        part, share = turned[top:bottom, left : right + 1], along - begin
        between = cv2.addWeighted(part[:, :-1], 1 - share, part[:, 1:], share, 0)
        cv2.accumulateWeighted(between, mean[top - across : bottom - across, left - begin : right - begin], weight)

    def _likeness(self, portrait: Portrait) -> Likeness:
        """The portrait against the empty belt, which is made grey, whatever its colour is."""
        size = portrait.fine.shape[1::-1]
        coarse = cv2.resize(portrait.coarse, size, interpolation=cv2.INTER_LINEAR)
        ratio = (portrait.fine + np.float32(NOTHING)) / (coarse[:, :, :3] + np.float32(NOTHING))
        core = (coarse[:, :, 3] > 127).astype(np.uint8)
        return Likeness(ratio, self._own(portrait, core), self.mm_per_px, min(portrait.frames, FRAMES))

    def _own(self, portrait: Portrait, core: Mask) -> Mask:
        """The core within the coarse box: not its neighbours', nor specks of dirt beside it."""
        begin, end = (round(side - portrait.along) for side in portrait.place[:2])
        top, bottom = (side - portrait.across for side in portrait.place[2:])
        own = np.zeros_like(core)
        own[top:bottom, begin:end] = core[top:bottom, begin:end]
        return own
