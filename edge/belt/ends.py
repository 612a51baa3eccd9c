"""Ends: where along the belt a thing begins and ends, finer than the pixels that it was found with."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.belt.matter import Mask

OUTSIDE_MM, INSIDE_MM = 40.0, 18.0
"""The end is looked for so far on both sides of where the thing's coarse pixels end: what is as dark as the belt, clear
or thin is not among these, and the sharp rim of a shadow may be."""
BRIGHT = 0.4
"""Logarithm of the ratio to the belt from which on brightness is evidence; the belt's grain reaches a third of it."""
COLOURED = 0.08
"""Logarithm of the ratio between two colours, likewise: light leaves the belt's colour as it is."""
TINT = 0.1
"""And so does shadow, but for what other light falls into it: so much in a shadow that takes all light."""
ENOUGH = 8
"""Frames whose mean has so little noise. That of fewer has more, by the root of their share: it needs more colour."""
FAINT = 0.5
"""Share of that evidence that will do where a thing is thick: the far rim of clear glass has no more."""
THIN = 0.7
"""And where it is thin: the scratches of a belt, most of which are fainter, are as thin as a needle."""
THICK_PX = 5
"""What is nowhere so thick is thin."""
PLATEAU_PX = 3
"""A border is as plain as it gets within so many pixels: a needle never as plain as the syringe that it is on."""
ONSET = 0.15
"""Share of the border's evidence, or all that is needed, at which the end is. The middle of a blurred border would be
at a half; but rims are darker than what they enclose, and most of all those that are turned away from the lamp."""
ONSET_PX = 1.0
"""So far outside of the middle of a blurred border is its onset."""
SHADE_MM = 10.0
"""A shadow grows as deep as it gets over more than that: the rim of a thing is brighter than what is beside it."""
DEEPEST = 0.4
"""No shadow is darker than this share of the belt: what is, is matter."""
BLACK = 0.07
"""Added to both sides of a ratio of colours: near black it would be all noise."""


class Likeness(NamedTuple):
    """A thing and the belt around it, along the belt from left to right."""

    ratio: NDArray[np.float32]
    """(h, w, 3) brightness of each colour as a share of what the empty belt would show."""
    core: Mask
    """(h, w) where coarse pixels show the thing."""
    mm_per_px: float
    frames: int
    """It is the mean of so many."""

    @property
    def mirrored(self) -> "Likeness":
        """With its right end to the left."""
        return self._replace(ratio=self.ratio[:, ::-1], core=self.core[:, ::-1])


def ends_of(thing: Likeness) -> tuple[float, float] | None:
    """Left and right end in pixels; None: not both can be told from belt and shadow."""
    columns = np.flatnonzero(thing.core.any(axis=0))
    if not columns.size:
        return None
    inside, width = round(INSIDE_MM / thing.mm_per_px), thing.core.shape[1]
    left = _end(_first(thing, int(columns[0]) + inside))
    right = _end(_first(thing.mirrored, width - 1 - int(columns[-1]) + inside))
    return None if left is None or right is None or left >= width - right else (left, width - right)


def _first(thing: Likeness, columns: int) -> Likeness:
    return thing._replace(ratio=thing.ratio[:, :columns], core=thing.core[:, :columns])


def _end(strip: Likeness) -> float | None:
    """How far from a strip's left edge begins what lies to its right, in pixels; None: it does not show."""
    evidence = _evidence(strip)
    body = _connected(evidence, strip.core)
    first = int(np.argmax(body.any(axis=0)))
    if first < 2:  # there is nothing, or there is no belt beyond it
        return None
    rows = np.flatnonzero(body[:, first : first + 2].any(axis=1))
    tip = evidence[max(0, rows[0] - 1) : rows[-1] + 2, first - 2 : first + PLATEAU_PX]
    return first - 1.5 + _crossing(tip.max(axis=0)) + ONSET_PX


def _evidence(strip: Likeness) -> NDArray[np.float32]:
    """How plainly each pixel is too bright, too colourful or too dark for belt in whatever shadow; 1 is enough."""
    red, green, blue = cv2.split(cv2.blur(np.ascontiguousarray(strip.ratio), (1, 3)))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    width = max(3, round(SHADE_MM / strip.mm_per_px))
    shade = np.clip(_least_outwards(most, width), DEEPEST, 1)
    bright, dark = _log_ratio(most, shade) / BRIGHT, _log_ratio(DEEPEST, most) / BRIGHT
    colour = _log_ratio(most + BLACK, least + BLACK)
    tint = np.minimum(_least_outwards(colour, width), TINT)
    coloured = (colour - tint) / (COLOURED * max(1.0, math.sqrt(ENOUGH / strip.frames)))
    return np.asarray(np.maximum(np.maximum(bright, dark), coloured), np.float32)


def _least_outwards(plane: MatLike, width: int) -> MatLike:
    """The least value of each pixel and so many in all to the left of it."""
    return cv2.erode(cv2.blur(plane, (1, 5)), np.ones((1, width), np.uint8), anchor=(width - 1, 0))


def _log_ratio(one: MatLike | float, other: MatLike) -> MatLike:
    return cv2.log(np.maximum(one, BLACK / 4) / np.maximum(other, BLACK / 4))


def _connected(evidence: NDArray[np.float32], core: Mask) -> NDArray[np.bool_]:
    """The evident pixels that are connected with the core, less what is as thin and faint as a scratch."""
    faint = (evidence > FAINT).astype(np.uint8)
    thick = cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((THICK_PX, THICK_PX), np.uint8))
    count, labels = cv2.connectedComponents(np.where(evidence > THIN, np.uint8(1), thick))
    own = np.zeros(count, bool)
    own[labels[core > 0]] = True
    own[0] = False
    return np.asarray(own[labels])


def _crossing(profile: NDArray[np.float32]) -> float:
    """Where, between its elements, a profile first comes to its onset."""
    limit = min(1.0, ONSET * float(profile.max()))
    after = max(1, int(np.argmax(profile >= limit)))
    outer, inner = float(profile[after - 1]), float(profile[after])
    return after - (inner - limit) / max(inner - outer, 1e-3) if outer < limit else after - 1.0
