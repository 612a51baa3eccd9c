"""Matter: which pixels of a frame show a thing, and not merely another light on the empty belt."""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.belt.reference import Reference
from edge.preprocess import Image

DEVIATIONS = 3.0
"""The belt's own texture explains so many of its mean deviations."""
NOISE = 3.0
"""Grey levels (0-255) that sensor noise explains: several deviations of what is left of it at working size."""
FAINT = 5.0
"""Grey levels beyond both: something is there, if only a shadow."""
PLAIN = 18.0
"""Grey levels beyond both that a scratch in the belt does not reach."""
ONE = 100
"""How a ratio of 1 between frame and reference is written."""
DARKEST, BRIGHTEST = 0.4, 1.8
"""Between these ratios it may be the light: shadows, wet patches and reflections of lamps keep the belt's colour."""
COLOURED = 0.12
"""No light: the ratio of one colour differs by so much from that of another."""
SHARP = 0.07
"""No light: the ratio changes by so much from one working pixel (2 mm) to the next. Shadows of things that lie on a
belt are softer, rims of clear bottles and black things on a black belt are not."""
BLACK = 8.0
"""Added to both sides of a ratio, in grey levels: near black it would be all noise."""

Mask = NDArray[np.uint8]
"""(h, w) uint8 at working size, 0 or 255."""


@dataclass(frozen=True)
class Expected:
    """The range of colours that the empty belt may have at each place."""

    low: Image
    high: Image


@dataclass(frozen=True)
class Matter:
    """Where things are in a frame."""

    things: Mask
    differs: Mask
    """Also shadows and whatever else differs from the belt at all."""
    plain: Mask
    """What differs from the belt by far."""
    linked: Mask
    """`things`, and what is merely brighter than belt: a clear or pale part of the thing that it touches."""


def expected_of(reference: Reference) -> Expected:
    """The belt's range: its texture, the sensor's noise, and a camera that shakes by one working pixel."""
    slack = cv2.convertScaleAbs(reference.texture, alpha=DEVIATIONS, beta=NOISE)
    slack = cv2.merge([slack, slack, slack])
    around = np.ones((3, 3), np.uint8)
    low = cv2.subtract(cv2.erode(reference.colour, around), slack)
    high = cv2.add(cv2.dilate(reference.colour, around), slack)
    return Expected(np.asarray(low, np.uint8), np.asarray(high, np.uint8))


def matter_in(lit: Image, expected: Expected) -> Matter:
    """What in `lit`, (h, w, 3) uint8 RGB in the light of the reference, is not belt."""
    soft = cv2.blur(lit, (3, 3))
    belt = _nearest(soft, expected)
    red, green, blue = cv2.split(_ratio(soft, belt))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    no_light = cv2.bitwise_or(
        cv2.bitwise_or(_above(cv2.subtract(most, least), COLOURED * ONE), _above(most, BRIGHTEST * ONE)),
        cv2.bitwise_or(_below(least, DARKEST * ONE), _sharp(lit, expected)),
    )
    red, green, blue = cv2.split(cv2.absdiff(soft, belt))
    beyond = cv2.max(cv2.max(red, green), blue)
    faint, plain = _above(beyond, FAINT), _above(beyond, PLAIN)
    things = _without_specks(cv2.bitwise_and(faint, no_light))
    linked = cv2.bitwise_or(things, _above(least, (1 + COLOURED) * ONE))
    return Matter(*(np.asarray(mask, np.uint8) for mask in (things, faint, plain, linked)))


def _nearest(picture: MatLike, expected: Expected) -> MatLike:
    """The colours that the belt may have which are the most like the picture's."""
    return cv2.min(cv2.max(picture, expected.low), expected.high)


def _ratio(picture: MatLike, belt: MatLike) -> MatLike:
    return cv2.divide(cv2.convertScaleAbs(picture, beta=BLACK), cv2.convertScaleAbs(belt, beta=BLACK), scale=ONE)


def _sharp(lit: Image, expected: Expected) -> MatLike:
    """Around where the ratio changes abruptly."""
    grey = cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY)
    ratio = _ratio(grey, cv2.cvtColor(_nearest(lit, expected), cv2.COLOR_RGB2GRAY))
    along = cv2.convertScaleAbs(cv2.Sobel(ratio, cv2.CV_16S, 1, 0), alpha=1 / 8)
    across = cv2.convertScaleAbs(cv2.Sobel(ratio, cv2.CV_16S, 0, 1), alpha=1 / 8)
    return cv2.dilate(_above(cv2.max(along, across), SHARP * ONE), np.ones((3, 3), np.uint8))


def _above(values: MatLike, limit: float) -> MatLike:
    return cv2.threshold(values, limit, 255, cv2.THRESH_BINARY)[1]


def _below(values: MatLike, limit: float) -> MatLike:
    return cv2.threshold(values, limit, 255, cv2.THRESH_BINARY_INV)[1]


def _without_specks(mask: MatLike) -> MatLike:
    """Only what is 2 x 2 pixels or more; the anchors undo each other's shift by half a pixel."""
    square = np.ones((2, 2), np.uint8)
    return cv2.dilate(cv2.erode(mask, square, anchor=(1, 1)), square, anchor=(0, 0))
