"""One light for everything: turns a painted surface into a picture with transparency."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.grain import Field
from edge.sim.paint import Surface, threefold

Sprite = NDArray[np.uint8]
"""(H, W, 4) uint8: red, green, blue (not premultiplied) and opacity."""

_LIGHT = np.array([-0.42, -0.50, 0.757], np.float32)
"""Unit vector towards the lamp: above the belt, from the upper left. It stays put when an item turns."""

_HALF = (_LIGHT + np.array([0, 0, 1], np.float32)) / np.linalg.norm(_LIGHT + np.array([0, 0, 1], np.float32))
_AMBIENT = 0.42
_STEEPEST = 3.0
"""Slopes beyond this are the same dark rim to a camera above."""

_ROOM = np.interp(
    np.linspace(-1, 1, 256),
    [-1, -0.75, -0.5, -0.3, -0.12, 0.1, 0.3, 0.55, 0.8, 1],
    [0.3, 0.55, 0.7, 1.25, 1.3, 0.9, 0.8, 0.5, 0.65, 0.25],
).astype(np.float32)
"""What metal mirrors, from the far side of the room to the lamp's side: windows, walls, machines."""


def develop(surface: Surface) -> Sprite:
    """The lit item in a random pose (turned, slightly foreshortened), cut to its bounds."""
    _pose(surface)
    nx, ny, nz = _normals(surface)
    gleam = _gleam(surface, nx, ny, nz)
    matte = _matte(surface, nx, ny, nz)
    mirror = _mirror(nx, ny)
    light = matte + (mirror - matte) * surface.metal
    rgb = surface.albedo * threefold(light) + threefold(gleam * 255)
    return _cut(rgb, _opacity(surface, nz, gleam))


def _pose(surface: Surface) -> None:
    """Turn all maps together, so that the light does not turn with them."""
    angle = surface.rng.uniform(0, 2 * np.pi)
    squeeze = surface.rng.uniform(0.9, 1.0)
    centre = (surface.size - 1) / 2
    c, s = np.cos(angle), np.sin(angle)
    linear = np.array([[c, -s], [s, c]]) @ np.diag([0.985, 0.985 * squeeze])
    matrix = np.hstack([linear, (centre - linear @ (centre, centre))[:, None]])
    for name in ("albedo", "height", "gloss", "metal", "clear", "cover"):
        turned = cv2.warpAffine(getattr(surface, name), matrix, (surface.size, surface.size), flags=cv2.INTER_LINEAR)
        setattr(surface, name, turned)


def _normals(surface: Surface) -> tuple[Field, Field, Field]:
    pixels = surface.height * np.float32(surface.size / 2)
    dx = cv2.Sobel(pixels, cv2.CV_32F, 1, 0, scale=1 / 8).clip(-_STEEPEST, _STEEPEST)
    dy = cv2.Sobel(pixels, cv2.CV_32F, 0, 1, scale=1 / 8).clip(-_STEEPEST, _STEEPEST)
    nz = 1 / np.sqrt(1 + dx * dx + dy * dy)
    return -dx * nz, -dy * nz, nz


def _matte(surface: Surface, nx: Field, ny: Field, nz: Field) -> Field:
    """Lambert's law plus a lit room, 1 on level ground; hollows get less of the room."""
    towards = (nx * _LIGHT[0] + ny * _LIGHT[1] + nz * _LIGHT[2]).clip(0) * (1 / _LIGHT[2])
    side = surface.size // 12 * 2 + 1
    hollow = (cv2.blur(surface.height, (side, side)) - surface.height).clip(0, 0.15)
    return np.asarray((_AMBIENT * (0.5 + 0.5 * nz) + (1 - _AMBIENT) * towards) * (1 - 3.0 * hollow))


def _gleam(surface: Surface, nx: Field, ny: Field, nz: Field) -> Field:
    """Blinn's highlight: a broad sheen and a sharp spot."""
    facing = (nx * _HALF[0] + ny * _HALF[1] + nz * _HALF[2]).clip(0)
    broad = facing**2
    broad = broad**2
    broad = broad**2
    sharp = broad**2
    sharp = sharp**2
    sharp = sharp**2
    return np.asarray(surface.gloss * (0.16 * broad + 0.75 * sharp))


def _mirror(nx: Field, ny: Field) -> Field:
    """The room seen in metal: one look-up along the light's bearing and a weaker one across it."""
    bearing = np.hypot(_LIGHT[0], _LIGHT[1])
    along = (nx * _LIGHT[0] + ny * _LIGHT[1]) / bearing
    across = (nx * _LIGHT[1] - ny * _LIGHT[0]) / bearing
    return 0.6 * _room(along) + 0.4 * _room(across)


def _room(direction: Field) -> Field:
    return _ROOM[(direction * 127.5 + 127.5).clip(0, 255).astype(np.uint8)]


def _opacity(surface: Surface, nz: Field, gleam: Field) -> Field:
    """Clear matter shows the belt where it is seen straight on, and itself at its rim and its highlights."""
    rim = 1 - nz
    shown = 0.22 + 0.78 * rim
    return np.asarray(surface.cover * np.maximum(1 - surface.clear * (1 - shown), gleam.clip(0, 1)), np.float32)


def _cut(rgb: NDArray[np.float32], opacity: Field) -> Sprite:
    alpha = (opacity.clip(0, 1) * 255).astype(np.uint8)
    sprite = cv2.merge([*cv2.split(rgb.clip(0, 255).astype(np.uint8)), alpha])
    left, top, width, height = cv2.boundingRect((alpha > 12).view(np.uint8))
    return np.ascontiguousarray(sprite[top : top + height, left : left + width])
