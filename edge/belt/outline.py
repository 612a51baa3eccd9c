"""Outlines: from the pixels that show matter to separate things, without the seams of the belt."""

from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.belt.dents import several
from edge.belt.matter import Mask, Matter
from edge.belt.pieces import Hull, both, hull_of, in_line, length_of, longest_of, parts_of
from edge.preprocess import Box

BRIDGE_MM = 12.0
"""Parts of a thing that are nearer to each other are joined; things that lie apart have 20 mm of belt between them."""
SEAM_MM = 40.0
"""A seam is shorter than that, along the belt."""
SPAN = 0.6
"""And covers this share of the region's width: the rest may be rails, or a place where it hardly shows."""
SPAN_MOST = 0.8
"""From its first to its last part it is longer than the largest item, which may be as long as this share at most."""
SLIVER = 0.2
"""What is narrower than this share of the least item is a scratch."""
SCRATCH_PX = 3.0
"""What is nowhere farther than that from its border, in working pixels, and is not plainly there, is a scratch."""
CRUMB = 0.75
"""What has no part as long as this share of the least item is a few crumbs."""
NESTED = 0.5
"""A part whose box lies by this share in another's belongs to it: a ring and what lies in it are one thing."""


class Outline(NamedTuple):
    """A thing at working size."""

    box: Box
    hull: Hull
    several: bool
    """Its shape is that of several things which touch."""


class Outlines:
    """Finds things in masks of one size."""

    def __init__(self, work_mm: float, min_item_mm: float, max_item_mm: float, *, level: bool) -> None:
        """`work_mm`: size of a working pixel; `level`: the belt runs along the picture's rows."""
        self._level = level
        self._work_mm, self._max_item_mm = work_mm, max_item_mm
        self._min_area = (min_item_mm / work_mm) ** 2 / 2
        self._min_length = min_item_mm / work_mm
        self._min_side = min_item_mm / work_mm * SLIVER
        side = max(3, round(BRIDGE_MM / work_mm)) | 1
        self._bridge = np.ones((side, side), np.uint8)
        self._item_span = max_item_mm / work_mm
        side = round(SEAM_MM / work_mm)
        self._seam = np.ones((1, side) if level else (side, 1), np.uint8)

    def of(self, matter: Matter) -> list[Outline]:
        """The things in a frame that are large enough to be items."""
        filled = _filled(cv2.morphologyEx(matter.linked, cv2.MORPH_CLOSE, self._bridge))
        filled = self._without_seams(filled, matter.differs)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(filled, ltype=cv2.CV_16U)
        found = []
        for label in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= self._min_area).tolist():
            if label == 0:  # what lies outside every part
                continue
            left, top, width, height = stats[label, :4].tolist()
            there = np.s_[top : top + height, left : left + width]
            body = (labels[there] == label).astype(np.uint8)
            shown, linked = body & matter.things[there], body * matter.linked[there]
            x, y, wide, high = cv2.boundingRect(shown)
            parts = parts_of(shown)
            plain = (matter.plain[there] & body).any() or _depth(linked) > SCRATCH_PX
            if plain and min(wide, high) >= self._min_side and longest_of(parts) >= CRUMB * self._min_length:
                box = Box(left + x, top + y, left + x + wide, top + y + high)
                found.append(Outline(box, hull_of(parts, left, top), several(linked, self._work_mm, self._max_item_mm)))
        joined = self._pieces_joined(_nested_joined(found))
        return [outline for outline in joined if length_of(outline.hull) >= self._min_length]

    def _pieces_joined(self, found: list[Outline]) -> list[Outline]:
        for one, other in combinations(found, 2):
            if in_line(one.hull, other.hull, self._work_mm, self._max_item_mm):
                others = [outline for outline in found if outline is not one and outline is not other]
                return self._pieces_joined([_joined(one, other), *others])
        return found

    def _without_seams(self, filled: Mask, differs: Mask) -> Mask:
        """Take off what is short along the belt where something short spans the belt; longer things stay."""
        across = filled.shape[0] if self._level else filled.shape[1]
        closed = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, self._bridge)  # fasteners have bright teeth
        about = cv2.dilate(self._short(closed), self._seam)  # a seam may be slanted
        about = about if self._level else about.T
        reach = max(SPAN * across, min(SPAN_MOST * across, self._item_span))
        wide = np.count_nonzero(about, axis=0) >= SPAN * across
        if not wide.any():
            return filled
        seams = (wide & (_reach(about) >= reach)).astype(np.uint8)
        there = cv2.dilate(seams[None] if self._level else seams[:, None], self._seam) > 0
        return np.where(there & (self._short(filled) > 0), 0, filled).astype(np.uint8)

    def _short(self, mask: MatLike) -> MatLike:
        """What of it is shorter along the belt than a seam may be."""
        return cv2.subtract(mask, cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._seam))


def _reach(mask: MatLike) -> NDArray[np.int_]:
    """From the first to the last row of each column that is not 0."""
    rows = mask > 0
    return np.where(rows.any(axis=0), len(rows) - rows.argmax(axis=0) - rows[::-1].argmax(axis=0), 0)


def _depth(body: Mask) -> float:
    """How far inside of a body its innermost pixel lies."""
    framed = cv2.copyMakeBorder(_filled(body), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return float(np.max(cv2.distanceTransform(framed, cv2.DIST_L2, 3)))


def _filled(mask: MatLike) -> Mask:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(cv2.drawContours(np.asarray(mask, np.uint8), contours, -1, 255, cv2.FILLED), np.uint8)


def _nested_joined(found: list[Outline]) -> list[Outline]:
    joined: list[Outline] = []
    for outline in sorted(found, key=lambda one: _area(one.box), reverse=True):
        host = next(
            (k for k, o in enumerate(joined) if _shared(o.box, outline.box) >= NESTED * _area(outline.box)), None
        )
        if host is None:
            joined.append(outline)
        else:
            joined[host] = _joined(joined[host], outline)._replace(several=joined[host].several)
    return joined


def _joined(one: Outline, other: Outline) -> Outline:
    box = Box(*map(min, one.box[:2], other.box[:2]), *map(max, one.box[2:], other.box[2:]))
    return Outline(box, both(one.hull, other.hull), one.several or other.several)


def _area(box: Box) -> int:
    return (box.right - box.left) * (box.bottom - box.top)


def _shared(one: Box, other: Box) -> int:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0, width) * max(0, height)
