"""Ends: where along the belt a thing begins and ends, finer than the pixels that it was found with."""

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.matter import Mask
from edge.preprocess import Box, Image

OUTSIDE_MM, INSIDE_MM = 25.0, 9.0
"""The end is looked for so far on both sides of where the thing's pixels end: a needle is too thin for these."""
BESIDE_MM = 10.0
"""And so far above and below, for a thin end may be slanted."""
SURE = 16.0
"""Grey levels (0-255) by which matter is brighter or more colourful than belt: its weave and grain reach half of it."""
PLATEAU_MM = 3.0
"""The end's own contrast is the greatest so near to it: a needle has less than the syringe that it is on."""
HALF = 0.5
"""Share of that contrast at which an end is: a border that is blurred, by motion or by optics, has it at its middle."""


SHADE_MM = 8.0
DEEPEST = 0.4


class Belt(NamedTuple):
    """What a frame would show where nothing lies on the belt."""

    colour: Image
    """(h, w, 3) uint8 RGB at working size."""
    gains: NDArray[np.float32]
    """(h,) factors on it."""


def refined_ends(frame: Image, belt: Belt, things: Mask, box: Box, shrink: int, mm_per_px: float) -> tuple[float, float]:
    """Left and right end in pixels of `frame`, (H, W, 3) uint8 RGB, of the thing in `box` at working size.

    `things` is the frame's mask, which is `shrink` times smaller. An end that is cut by the view stays where it is, and
    so does one that is no brighter and no more colourful than the belt: it cannot be told from a shadow.
    For things that move up or down, hand in everything with its axes swapped.
    """
    rows = _around(box.top, box.bottom, BESIDE_MM, BESIDE_MM, mm_per_px * shrink, things.shape[0])
    ends = [float(box.left * shrink), float(box.right * shrink)]
    if box.left > 0:
        columns = _around(box.left, box.left, OUTSIDE_MM, INSIDE_MM, mm_per_px * shrink, box.right)
        found = _end(*_strip(frame, belt, things, rows, columns, shrink), mm_per_px)
        ends[0] = ends[0] if found is None else columns.start * shrink + found
    if box.right < things.shape[1]:
        columns = _around(box.right, box.right, INSIDE_MM, OUTSIDE_MM, mm_per_px * shrink, things.shape[1])
        strip = _strip(frame, belt, things, rows, columns, shrink)
        found = _end(*(part[:, ::-1] for part in strip), mm_per_px)
        ends[1] = ends[1] if found is None else columns.stop * shrink - found
    return (ends[0], ends[1]) if ends[0] < ends[1] else (float(box.left * shrink), float(box.right * shrink))


def _around(first: int, last: int, before_mm: float, behind_mm: float, mm: float, end: int) -> slice:
    return slice(max(0, first - round(before_mm / mm)), min(end, last + round(behind_mm / mm)))


def _strip(
    frame: Image, belt: Belt, things: Mask, rows: slice, columns: slice, shrink: int
) -> tuple[MatLike, MatLike, MatLike]:
    """A part, given at working size, of the frame: its brightest and darkest colour, as if the belt were grey, and the
    level of the belt; and which of its pixels show things."""
    there = frame[rows.start * shrink : rows.stop * shrink, columns.start * shrink : columns.stop * shrink]
    size = (there.shape[1], there.shape[0])
    empty = belt.colour[rows, columns] * belt.gains[rows, None, None] + 1.0
    grey = empty.mean(axis=2, keepdims=True)
    factors = cv2.resize((grey / empty).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    level = cv2.resize(grey[:, :, 0].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    red, green, blue = cv2.split(cv2.multiply(cv2.blur(there, (1, 3)), factors, dtype=cv2.CV_32F))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    core = cv2.resize(things[rows, columns], size, interpolation=cv2.INTER_NEAREST)
    return most, cv2.min(level, least), level, core


def _evidence(most, least, level, mm_per_px):
    width = max(3, round(SHADE_MM / mm_per_px))
    shade = cv2.erode(cv2.blur(most, (1, 5)), np.ones((1, width), np.uint8), anchor=(width - 1, 0))
    return cv2.subtract(most, cv2.min(least, cv2.max(shade, cv2.multiply(level, DEEPEST))))


def _end(most: MatLike, least: MatLike, level: MatLike, core: MatLike, mm_per_px: float) -> float | None:
    """How far from its left edge what lies to the right of a strip begins, in pixels; None: it does not show."""
    evidence = _evidence(most, least, level, mm_per_px)
    plateau = max(2, round(PLATEAU_MM / mm_per_px))
    sure = (evidence > SURE).astype(np.uint8)
    count, labels = cv2.connectedComponents(sure, connectivity=8)
    own = np.zeros(count, bool)
    own[np.unique(labels[core > 0])] = True
    own[0] = False
    body = own[labels]
    columns = body.any(axis=0)
    if not columns.any():
        return None
    first = int(np.argmax(columns))
    if first == 0:
        return 0.0
    profile = np.where(body, evidence, 0).max(axis=0)
    profile[:first] = np.where(body[:, first : first + 1], evidence[:, :first], 0).max(axis=0) if first else 0
    half = HALF * float(profile[first : first + plateau].max())
    beyond = first + int(np.argmax(profile[first : first + plateau] >= half))
    outer, inner = (float(profile[beyond - 1]), float(profile[beyond])) if beyond else (0.0, half)
    return beyond + 0.5 - (inner - half) / max(inner - outer, 1e-3)
