"""Ends: where along the belt a thing begins and ends, finer than the pixels that it was found with."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.belt.matter import Mask
from edge.preprocess import Box, Image, halved

OUTSIDE_MM, INSIDE_MM = 25.0, 18.0
"""The end is looked for so far on both sides of where the thing's coarse pixels end: a needle is too thin for these,
and the sharp rim of a shadow is among them."""
BESIDE_MM = 10.0
"""And so far above and below, for a thin end may be slanted."""
FINE_MM = 1.0
"""Pixels are halved while they stay smaller than that: finer ones are not worth their time."""
SURE = 14.0
"""Grey levels (0-255) by which matter stands out: the belt's weave and grain reach half of it, its scratches more, so
that one which meets an item makes it longer; a higher limit would lose needles, which are more common."""
PLATEAU_MM = 2.5
"""The end's own contrast is the greatest so near to it: a needle has less than the syringe that it is on, and the rim
that is turned away from the lamp less than the rest; motion and optics blur a border over less than that."""
HALF = 0.5
"""Share of that contrast at which the end is: the middle of a blurred border."""
SHADE_MM = 8.0
"""A shadow grows as deep as it gets over more than that: the rim of a thing is brighter than what is beside it."""
DEEPEST = 0.4
"""No shadow is darker than this share of the belt: what is, is matter."""
BLACK = 4.0
"""Added to a divisor, in grey levels: the colour of what is near black would be all noise."""


class Belt(NamedTuple):
    """What a frame would show where nothing lies on the belt."""

    colour: Image
    """(h, w, 3) uint8 RGB at working size."""
    light: NDArray[np.float32]
    """(h, w) factors on it."""

    @property
    def turned(self) -> "Belt":
        """With its axes swapped."""
        return Belt(self.colour.swapaxes(0, 1), self.light.T)


class Strip(NamedTuple):
    """A part of a frame, every plane of one size; the belt made grey, whatever its colour is."""

    most: NDArray[np.float32]
    """Each pixel's brightest colour."""
    least: NDArray[np.float32]
    """Its darkest one."""
    level: NDArray[np.float32]
    """The belt's."""
    core: Mask
    """Where the mask shows things."""

    @property
    def mirrored(self) -> "Strip":
        """With its right end to the left."""
        back = np.s_[:, ::-1]
        return Strip(self.most[back], self.least[back], self.level[back], self.core[back])


def refined_ends(
    frame: Image, belt: Belt, things: Mask, box: Box, shrink: int, mm_per_px: float
) -> tuple[float, float]:
    """Left and right end in pixels of `frame`, (H, W, 3) uint8 RGB, of the thing in `box` at working size.

    `things` is the frame's mask, which is `shrink` times smaller. An end that cannot be told from belt or shadow stays
    where the box has it. For things that move up or down, hand in everything with its axes swapped.
    """
    fine = min(shrink, 2 ** max(0, math.floor(math.log2(FINE_MM / mm_per_px))))
    finer, mm = shrink // fine, mm_per_px * shrink
    rows = _around(box.top, BESIDE_MM, box.bottom, BESIDE_MM, mm, things.shape[0])
    lefts = _around(box.left, OUTSIDE_MM, box.left, INSIDE_MM, mm, box.right)
    rights = _around(box.right, INSIDE_MM, box.right, OUTSIDE_MM, mm, things.shape[1])
    ends = [float(box.left * shrink), float(box.right * shrink)]
    left = _end(_strip(frame, belt, things, (rows, lefts), shrink, finer), mm_per_px * fine)
    if left is not None:
        ends[0] = lefts.start * shrink + left * fine
    right = _end(_strip(frame, belt, things, (rows, rights), shrink, finer).mirrored, mm_per_px * fine)
    if right is not None:
        ends[1] = rights.stop * shrink - right * fine
    return (ends[0], ends[1]) if ends[0] < ends[1] else (float(box.left * shrink), float(box.right * shrink))


def _around(first: int, before_mm: float, last: int, behind_mm: float, mm: float, size: int) -> slice:
    return slice(max(0, first - round(before_mm / mm)), min(size, last + round(behind_mm / mm)))


def _strip(frame: Image, belt: Belt, things: Mask, there: tuple[slice, slice], shrink: int, finer: int) -> Strip:
    """A part of the frame, given at working size, `finer` than that."""
    rows, columns = (slice(part.start * shrink, part.stop * shrink) for part in there)
    high, wide = (finer * (part.stop - part.start) for part in there)
    seen = halved(frame[rows, columns], (shrink // finer).bit_length() - 1)
    empty = belt.colour[there] * belt.light[there][:, :, None] + np.float32(1)
    grey = empty.mean(axis=2, keepdims=True)
    factors = cv2.resize(grey / empty, (wide, high), interpolation=cv2.INTER_LINEAR)
    level = cv2.resize(grey[:, :, 0].astype(np.float32), (wide, high), interpolation=cv2.INTER_LINEAR)
    red, green, blue = cv2.split(cv2.multiply(cv2.blur(seen, (1, 3)), factors, dtype=cv2.CV_32F))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    core = cv2.resize(things[there], (wide, high), interpolation=cv2.INTER_NEAREST)
    return Strip(
        np.asarray(most, np.float32),
        np.asarray(least, np.float32),
        np.asarray(level, np.float32),
        np.asarray(core, np.uint8),
    )


def _end(strip: Strip, mm_per_px: float) -> float | None:
    """How far from a strip's left edge begins what lies to its right, in pixels; None: it does not show."""
    evidence = _evidence(strip, mm_per_px)
    count, labels = cv2.connectedComponents((evidence > SURE).astype(np.uint8))
    own = np.zeros(count, bool)
    own[labels[strip.core > 0]] = True
    own[0] = False
    body = own[labels]
    columns = body.any(axis=0)
    first = int(np.argmax(columns))
    if first == 0:  # there is nothing, or there is no belt beyond it
        return None
    plateau = max(2, round(PLATEAU_MM / mm_per_px))
    profile = np.where(body[:, first:], evidence[:, first:], 0)[:, :plateau].max(axis=0)
    outer = float(np.where(body[:, first], evidence[:, first - 1], 0).max())
    return first + 0.5 + _crossing(np.append(outer, profile)) - 1


def _evidence(strip: Strip, mm_per_px: float) -> NDArray[np.float32]:
    """By how many grey levels each pixel is too bright, too colourful or too dark for belt, in whatever shadow."""
    most, least, level, _ = strip
    width = max(3, round(SHADE_MM / mm_per_px))
    shade = cv2.erode(cv2.blur(most, (1, 5)), np.ones((1, width), np.uint8), anchor=(width - 1, 0))
    darkest = level * np.float32(DEEPEST)
    bright = most - np.minimum(level, np.maximum(shade, darkest))
    colourful = cv2.blur(most - least, (3, 3)) * level / (most + np.float32(BLACK))
    return np.asarray(np.maximum(np.maximum(bright, colourful), darkest - most), np.float32)


def _crossing(profile: NDArray[np.float32]) -> float:
    """Where, between its elements, a profile first comes to a share of its greatest value."""
    limit = HALF * float(profile.max())
    after = max(1, int(np.argmax(profile >= limit)))
    outer, inner = float(profile[after - 1]), float(profile[after])
    return after - (inner - limit) / max(inner - outer, 1e-3) if outer < limit else after - 1.0
