"""Sharpness of a lens: how steep contours are beside what they were, whatever lies on the belt. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

SPAN = 16
"""A contour is a change of brightness within so many pixels: one that takes longer is a shadow or a rounding."""
CONTOUR = 50
"""Of so many grey levels at least: noise is far below, also where it is added to a blurred contour."""
EVERY = 4
"""Positions are looked at in such steps: a contour is wider than this by SPAN."""
LEAST = 20
"""With fewer positions on contours, as over an empty plain belt, nothing is known of the lens."""
SHARPEST = 0.9
"""What is compared are the steepest tenth of the contours: an item may be soft, hardly all that is in view."""
TEACH_PICTURES = 20
TAUGHT = 0.1
"""The lens is as sharp as nine tenths of the first pictures that showed contours."""
LOST = 0.5
"""Contours less than half as steep as they were: a circle of confusion of some 2 pixels more."""

Lines = NDArray[np.uint8]
"""(lines, length): neighbouring pixels of a picture along one direction, one channel."""


class Sharpness:
    """Learns from the first pictures that show contours, then judges those that show some."""

    def __init__(self) -> None:
        self._ways = (_Way(), _Way())

    def lost(self, *lines: Lines) -> bool | None:
        """Whether contours are blurred in every direction that shows any; None when this can't be told.

        In every direction, because a moving belt blurs in one.
        """
        told = [way.lost(line) for way, line in zip(self._ways, lines, strict=True)]
        known = [one for one in told if one is not None]
        return all(known) if known else None


class _Way:
    """One direction."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._limit = 0.0

    def lost(self, lines: Lines) -> bool | None:
        now = steepness(lines)
        if now is None:
            return None
        if len(self._first) < TEACH_PICTURES:
            self._first.append(now)
            self._limit = LOST * float(np.quantile(self._first, TAUGHT))
            return None
        return now < self._limit


def steepness(lines: Lines) -> float | None:
    """How much of a contour's change happens between two neighbours, from 1 / SPAN to 1; None without contours."""
    if lines.shape[1] <= SPAN:
        return None
    rises = cv2.absdiff(lines[:, SPAN:], lines[:, :-SPAN])[:, ::EVERY]
    strong = rises > CONTOUR
    if np.count_nonzero(strong) < LEAST:
        return None
    steps = cv2.absdiff(lines[:, 1:], lines[:, :-1])
    steepest = cv2.dilate(steps, np.ones((1, SPAN), np.uint8), anchor=(0, 0))[:, : lines.shape[1] - SPAN : EVERY]
    shares = steepest[strong] / rises[strong]
    rank = int(SHARPEST * len(shares))
    return float(np.partition(shares, rank)[rank])  # np.quantile takes six times as long
