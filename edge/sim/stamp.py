"""An item made ready to be put on a belt: fitted to its size, with its shadow, blurred by its motion."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.belt import Picture, smear
from edge.sim.items import Drawing
from edge.sim.light import Sprite

_PROBE_PX = 96
"""Size at which an item is drawn to learn its proportions."""

_TRACE, _RIM_PX = 25, 3
"""Opacity (0-255) of the clearest matter where it covers half a pixel, and how far in from there an end looks solid."""

_LARGEST_PX = 256
"""Items are drawn no larger and then enlarged, so that no single frame of a scene takes long."""


@dataclass(frozen=True)
class Stamp:
    """What putting an item on a picture does: ``picture * keep / 255 + add``; both (H, W, 3) uint8."""

    keep: Picture
    add: Picture


def proportions(drawing: Drawing, seed: list[int]) -> tuple[float, float]:
    """Width and height of the item of ``seed``, as shares of the picture it is drawn on."""
    height, width = drawing(np.random.default_rng(seed), _PROBE_PX).shape[:2]
    return width / _PROBE_PX, height / _PROBE_PX


def fitted(drawing: Drawing, seed: list[int], canvas_px: int, width: int, height: int) -> Sprite:
    """The item of ``seed``, premultiplied, its bounds exactly ``width`` x ``height`` pixels.

    ``canvas_px``: the size of the picture on which it has these bounds.
    """
    size = min(_LARGEST_PX, max(_PROBE_PX, canvas_px))
    return resized(drawing(np.random.default_rng(seed), size), width, height)


def resized(sprite: Sprite, width: int, height: int) -> Sprite:
    """``sprite`` at another size and premultiplied, so that it gets no dark or bright rims."""
    opacity = cv2.extractChannel(sprite, 3)
    everywhere = np.full_like(opacity, 255)
    premultiplied = cv2.multiply(sprite, cv2.merge([opacity, opacity, opacity, everywhere]), scale=1 / 255)
    shrinks = width * height < sprite.shape[0] * sprite.shape[1]
    return np.asarray(
        cv2.resize(premultiplied, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC),
        np.uint8,
    )


def middle_px(sprite: Sprite) -> float:
    """Where from its left edge the middle of the item's extent is, in pixels.

    The item ends where a column's opacity comes to half of what it is a little further in: the sprite goes on to the
    last pixels that show a trace of the item, and one end's may be nearly bare while the other's are full.
    """
    profile = cv2.extractChannel(sprite, 3).max(axis=0).astype(np.float64)
    return (_begins(profile) + len(profile) - _begins(profile[::-1])) / 2


def stamp(sprite: Sprite, *, shadow_px: float, darkness: float, smear_px: float) -> tuple[Stamp, int]:
    """A stamp from a premultiplied ``sprite`` and how many pixels it is wider on every side than the sprite.

    The shadow falls to the lower right, ``shadow_px`` away and as soft.
    """
    border = int(3 * shadow_px + smear_px) + 2
    padded = cv2.copyMakeBorder(sprite, border, border, border, border, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    opacity = np.asarray(cv2.extractChannel(padded, 3), np.uint8)
    unlit = _softened(_shifted(opacity, shadow_px * 0.6), shadow_px)
    keep = cv2.multiply(255 - opacity, 255 - (unlit * np.float32(darkness)).astype(np.uint8), scale=1 / 255)
    light = np.asarray(cv2.merge([keep, keep, keep]), np.uint8)
    add = np.asarray(cv2.cvtColor(padded, cv2.COLOR_RGBA2RGB), np.uint8)
    return Stamp(keep=smear(light, smear_px), add=smear(add, smear_px)), border


def moved(item: Stamp, by_px: float) -> Stamp:
    """``item`` a part of a pixel, 0 to 1, further to the right."""
    return Stamp(_between(item.keep, by_px), _between(item.add, by_px)) if by_px else item


def press(picture: Picture, item: Stamp, left: int, top: int) -> None:
    """Put ``item`` on ``picture`` in place; what lies outside is cut off."""
    height, width = item.keep.shape[:2]
    rows = slice(max(0, top), min(picture.shape[0], top + height))
    cols = slice(max(0, left), min(picture.shape[1], left + width))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return
    inner = (slice(rows.start - top, rows.stop - top), slice(cols.start - left, cols.stop - left))
    under = cv2.multiply(picture[rows, cols], item.keep[inner], scale=1 / 255)
    picture[rows, cols] = cv2.add(under, item.add[inner])


def _begins(profile: NDArray[np.float64]) -> float:
    """How far from its start the item begins."""
    framed = np.concatenate([[0.0], profile])
    visible = int(np.argmax(framed > _TRACE))
    limit = framed[visible : visible + _RIM_PX].max() / 2
    after = max(1, int(np.argmax(framed >= limit)))
    outer, inner = framed[after - 1], framed[after]
    return float(after - 0.5 - (inner - limit) / max(inner - outer, 1e-9))


def _between(layer: Picture, by_px: float) -> Picture:
    before = np.concatenate([layer[:, :1], layer[:, :-1]], axis=1)
    return np.asarray(cv2.addWeighted(layer, 1 - by_px, before, by_px, 0), np.uint8)


def _shifted(opacity: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    move = np.array([[1, 0, by], [0, 1, by]], np.float64)
    return np.asarray(cv2.warpAffine(opacity, move, (opacity.shape[1], opacity.shape[0])), np.uint8)


def _softened(opacity: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """Two passes of a mean: close to a Gaussian, at a cost that does not grow with ``radius``."""
    side = max(1, round(radius * 0.7)) * 2 + 1
    return np.asarray(cv2.blur(cv2.blur(opacity, (side, side)), (side, side)), np.uint8)
