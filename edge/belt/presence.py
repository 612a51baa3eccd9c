"""Presence: the things in a frame that are not empty belt, and the belt as it slowly changes."""

import math
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.belt.geometry import Edges, Geometry
from edge.belt.light import Gains, Light
from edge.belt.matter import Mask, Matter, expected_of, matter_in
from edge.belt.outline import Outline, Outlines
from edge.belt.portraits import Portraits, Shot
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
STUCK_STEP = 0.25
"""And is seen there at least after each such share of a view: a camera that was away for long has seen nothing."""
CELL = 8
"""Side, in working pixels, of the squares for which that is counted."""
LIT = (0.4, 2.5)
"""A frame that is darker or brighter than the reference by these factors shows no belt."""
BLOCKED_SHARE = 0.75
"""Nor does one of which things cover so much."""
FINE_MM = 1.0
"""For the ends of things, frames are halved while their pixels stay no larger than that: finer ones cost more than they
tell."""
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
        self._outlines = Outlines(
            config.mm_per_px * self._shrink, config.min_item_mm, config.max_item_mm, level=geometry.level
        )
        halve = math.floor(math.log2(FINE_MM / config.mm_per_px))
        self._halvings_fine = max(0, min(self._halvings, halve))
        finer = 2 ** (self._halvings - self._halvings_fine)
        self._portraits = Portraits(config.mm_per_px * self._shrink / finer, finer, level=geometry.level)
        self._carried_mm = 0.0
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
        self._carried_mm += moved_mm
        fine = halved(region, self._halvings_fine)
        small = halved(fine, self._halvings - self._halvings_fine)
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
        return [] if self.blocked else self._spots(fine, gains, matter, outlines)

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
        passed_mm = self._stuck_mm + min(moved_mm, STUCK_STEP * self._view_mm)
        self._stuck_mm = np.where(bare > 0, 0, passed_mm).astype(np.float32)
        stuck = (self._stuck_mm > STUCK_VIEWS * self._view_mm).astype(np.uint8)
        if stuck.any():
            stuck = np.asarray(cv2.dilate(stuck, np.ones((3, 3), np.uint8)), np.uint8)  # its rim lies in half-bare ones
            there = cv2.resize(stuck, self._size[::-1], interpolation=cv2.INTER_NEAREST) > 0
            self._belt[there] = small[there]
            self._stuck_mm[stuck > 0] = 0
        self._learnt += 1
        if self._learnt % EXPECT_EVERY == 0:
            self._expect()

    def _spots(self, fine: Image, gains: Gains, matter: Matter, outlines: list[Outline]) -> list[Spot]:
        """The things with their ends along the belt finer than the working size, where these can be told."""
        boxes = [outline.box for outline in outlines if self._counts(outline.box)]
        ends: dict[Box, tuple[float, float] | None] = {}
        if boxes:
            lit = cv2.split(_times(self._reference.colour, gains))
            coarse = np.asarray(cv2.merge([*lit, matter.things]), np.uint8)
            forward = 1 if self._geometry.direction in {"right", "down"} else -1
            travel_px = forward * self._carried_mm / self._portraits.mm_per_px
            ends = dict(zip(boxes, self._portraits.ends(Shot(fine, coarse, travel_px), boxes), strict=True))
        return [Spot(self._edges(outline.box, ends.get(outline.box)), outline.several) for outline in outlines]

    def _counts(self, box: Box) -> bool:
        """Whether its centre is still to be measured."""
        thing = self._geometry.thing(self._edges(box, None), 0.0)
        return thing.whole and (thing.front_mm + thing.rear_mm) / 2 >= -PASSED_MM

    def _edges(self, box: Box, ends: tuple[float, float] | None) -> Edges:
        left, top, right, bottom = (float(side * self._shrink) for side in box)
        if ends is None:
            return left, top, right, bottom
        first, last = (end * 2**self._halvings_fine for end in ends)
        return (first, top, last, bottom) if self._level else (left, first, right, last)


def halvings(config: BeltConfig, width: int, height: int) -> int:
    """How often a region of interest is halved to be looked at."""
    for_speed = round(math.log2(max(width, height) / WORK_SIDE))
    for_items = math.floor(math.log2(config.min_item_mm / config.mm_per_px / WORK_ITEM_PX))
    return max(0, min(for_speed, for_items))


def _in_light(small: Image, gains: Gains) -> Image:
    """The frame as it would look in the light of the reference."""
    return _times(small, np.asarray(1 / gains, np.float32))


def _times(picture: Image, factors: Gains) -> Image:
    """Each row by its factor."""
    height, width = picture.shape[:2]
    wide = np.repeat(factors[:, None], width * 3, axis=1)
    return np.asarray(cv2.multiply(picture.reshape(height, -1), wide, dtype=cv2.CV_8U), np.uint8).reshape(picture.shape)


def _outside(boxes: list[Box], size: tuple[int, int], margin: int) -> Mask:
    """255 where no box is within `margin`."""
    mask = np.full(size, 255, np.uint8)
    for left, top, right, bottom in boxes:
        mask[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 0
    return mask
