"""Presence: the things in a frame that are not empty belt, and the belt as it slowly changes."""

import math
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.belt.ends import Belt, refined_ends
from edge.belt.geometry import Edges, Geometry
from edge.belt.light import Gains, Light
from edge.belt.matter import Mask, expected_of, matter_in
from edge.belt.outline import Outline, Outlines
from edge.belt.reference import TEACH_FRAMES, Reference, learnt_from, load_reference
from edge.config import BeltConfig
from edge.preprocess import Box, Image, halved

WORK_SIDE = 320
"""Frames are looked at with about so many pixels on their longer side."""
WORK_ITEM_PX = 4
"""But with so many across the least item."""
FOLLOW = 0.02
"""Share of a new frame in the reference where the belt is bare: follows the light within seconds."""
EXPECT_EVERY = 8
"""Frames after which what was followed counts: the light is not that fast, and it costs as much as half a frame."""
MARGIN_MM = 10.0
"""Belt around a thing that is not followed: its shadow."""
STEP_MM = 0.5
"""A belt that moved less between two frames stands: nothing is learnt from it."""
STUCK_VIEWS = 4.0
"""What stays at its place while so many views' lengths of belt pass under it is no item: dirt on the lens."""
CELL = 8
"""Side, in working pixels, of the squares for which that is counted."""
LIT = (0.4, 2.5)
"""A frame that is darker or brighter than the reference by these factors shows no belt."""
BLOCKED_SHARE = 0.75
"""Nor does one of which things cover so much."""


PASSED_MM = 20.0
"""What is so far beyond the line, and what the view cuts, is not measured finer: its centre is known, or not yet."""


class Spot(NamedTuple):
    """A thing in the region of interest."""

    edges: Edges
    several: bool
    """Its shape is that of several things which touch."""


class Presence:
    """Compares frames with a reference of the empty belt: its own, or the one that was taught for this line."""

    def __init__(self, config: BeltConfig, geometry: Geometry, reference: Reference | None = None) -> None:
        """Knows the belt from `reference`, else from the file of `belt.reference`, else from the first frames.

        Raises ConfigError when the file was not taught for this region of the picture.
        """
        width, height = geometry.size
        self._geometry = geometry
        self._mm_per_px, self._level, self._view_mm = config.mm_per_px, geometry.level, geometry.view_mm
        self._halvings = halvings(config, width, height)
        self._shrink = 2**self._halvings
        self._outlines = Outlines(config.mm_per_px * self._shrink, config.min_item_mm, level=geometry.level)
        self._margin = round(MARGIN_MM / config.mm_per_px / self._shrink)
        self._size = (height >> self._halvings, width >> self._halvings)
        self._taught: list[Image] = []
        self._learnt = 0
        self._stuck_mm = np.zeros((-(-self._size[0] // CELL), -(-self._size[1] // CELL)), np.float32)
        self._belt: NDArray[np.float32] | None = None
        self.blocked = False
        """The frame shows no belt, or hardly any."""
        if config.reference and reference is None:
            reference = load_reference(Path(config.reference), geometry.roi, self._size)
        if reference:
            self._know(reference)

    @property
    def ready(self) -> bool:
        """The empty belt is known."""
        return self._belt is not None

    def spots(self, region: Image, moved_mm: float) -> list[Spot]:
        """The things in the region of interest, (H, W, 3) uint8 RGB; none while the belt is being taught.

        `moved_mm`: how far the belt moved since the last frame.
        """
        small = halved(region, self._halvings)
        if self._belt is None:
            self._teach(small)
            return []
        gains = self._light.gains(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        matter = matter_in(_in_light(small, gains), self._expected)
        outlines = self._outlines.of(matter)
        covered = sum((o.box.right - o.box.left) * (o.box.bottom - o.box.top) for o in outlines)
        lit = LIT[0] < float(np.median(gains)) < LIT[1]
        self.blocked = not lit or covered > BLOCKED_SHARE * matter.things.size
        if abs(moved_mm) >= STEP_MM:
            self._learn(small, [o.box for o in outlines] if lit else [Box(0, 0, *self._size[::-1])], abs(moved_mm))
        belt = Belt(self._reference.colour, np.broadcast_to(gains[:, None], self._size))
        return [] if self.blocked else [self._spot(region, belt, matter.things, outline) for outline in outlines]

    def _teach(self, small: Image) -> None:
        self._taught.append(small)
        if len(self._taught) == TEACH_FRAMES:
            self._know(learnt_from(self._taught))
            self._taught.clear()

    def _know(self, reference: Reference) -> None:
        self._texture = reference.texture
        self._belt = reference.colour.astype(np.float32)
        self._expect()

    def _expect(self) -> None:
        assert self._belt is not None
        self._reference = Reference(np.asarray(cv2.convertScaleAbs(self._belt), np.uint8), self._texture)
        self._light = Light(cv2.cvtColor(self._reference.colour, cv2.COLOR_RGB2GRAY))
        self._expected = expected_of(self._reference)

    def _learn(self, small: Image, things: list[Box], moved_mm: float) -> None:
        """Follow the light where the belt is bare, and take for belt what is stuck to the lens."""
        assert self._belt is not None
        cv2.accumulateWeighted(small, self._belt, FOLLOW, _outside(things, self._size, self._margin))
        bare = cv2.resize(_outside(things, self._size, 0), self._stuck_mm.shape[::-1], interpolation=cv2.INTER_AREA)
        self._stuck_mm = np.where(bare > 0, 0, self._stuck_mm + moved_mm).astype(np.float32)
        stuck = (self._stuck_mm > STUCK_VIEWS * self._view_mm).astype(np.uint8)
        if stuck.any():
            stuck = np.asarray(cv2.dilate(stuck, np.ones((3, 3), np.uint8)), np.uint8)  # its rim lies in half-bare ones
            there = cv2.resize(stuck, self._size[::-1], interpolation=cv2.INTER_NEAREST) > 0
            self._belt[there] = small[there]
            self._stuck_mm[stuck > 0] = 0
        self._learnt += 1
        if self._learnt % EXPECT_EVERY == 0:
            self._expect()

    def _spot(self, region: Image, belt: Belt, things: Mask, outline: Outline) -> Spot:
        box, shrink = outline.box, self._shrink
        edges = (box.left * shrink, box.top * shrink, box.right * shrink, box.bottom * shrink)
        thing = self._geometry.thing(edges, 0.0)
        if not thing.whole or (thing.front_mm + thing.rear_mm) / 2 < -PASSED_MM:
            return Spot(edges, outline.several)
        if self._level:
            left, right = refined_ends(region, belt, things, box, shrink, self._mm_per_px)
            return Spot((left, box.top * shrink, right, box.bottom * shrink), outline.several)
        turned = Box(box.top, box.left, box.bottom, box.right)
        top, bottom = refined_ends(region.swapaxes(0, 1), belt.turned, things.T, turned, shrink, self._mm_per_px)
        return Spot((box.left * shrink, top, box.right * shrink, bottom), outline.several)


def halvings(config: BeltConfig, width: int, height: int) -> int:
    """How often a region of interest is halved to be looked at."""
    for_speed = round(math.log2(max(width, height) / WORK_SIDE))
    for_items = math.floor(math.log2(config.min_item_mm / config.mm_per_px / WORK_ITEM_PX))
    return max(0, min(for_speed, for_items))


def _in_light(small: Image, gains: Gains) -> Image:
    """The frame as it would look in the light of the reference."""
    height, width = small.shape[:2]
    factors = np.repeat(1 / gains[:, None], width * 3, axis=1)
    return np.asarray(cv2.multiply(small.reshape(height, -1), factors, dtype=cv2.CV_8U), np.uint8).reshape(small.shape)


def _outside(boxes: list[Box], size: tuple[int, int], margin: int) -> Mask:
    """255 where no box is within `margin`."""
    mask = np.full(size, 255, np.uint8)
    for left, top, right, bottom in boxes:
        mask[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 0
    return mask
