"""The user's own pictures as items: cut out of a white or transparent ground, or pasted whole with soft edges."""

from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from edge.photos.dataset import SUFFIXES
from edge.preprocess import read_bytes
from edge.sim.items import Drawing
from edge.sim.layout import Catalogue
from edge.sim.light import Sprite

_LONGEST_PX = 512
"""Pictures are kept no larger: items are drawn at 256 pixels at most."""
_WHITE = 225
"""A ground is white when its border is at least so bright nearly everywhere."""
_TOLERANCE = 18
"""Grey levels by which a white ground varies."""
_KEPT = 256
"""Pictures that are kept decoded."""


def photo_catalogue(root: Path) -> Catalogue:
    """Class -> file -> drawing of the pictures in `root`/<class>/…, for a scene.

    Raises DatasetError for no such folder, no class folders, a class without pictures, or a picture that is damaged.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder DIR/<class>/<photo>, found no folder")
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
    if not folders:
        raise DatasetError(f"{root}: expected folders named for the classes, with pictures in them, found none")
    return {folder.name: _class_of(folder) for folder in folders}


def _class_of(folder: Path) -> dict[str, Drawing]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DatasetError(f"{folder}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none")
    for path in paths:
        cut_out(path)
    return {str(path.relative_to(folder)): partial(_drawn, path) for path in paths}


def _drawn(path: Path, rng: np.random.Generator, size: int) -> Sprite:
    """The picture in a random pose, as large as fits a canvas of `size` pixels, cut to its bounds."""
    sprite = cut_out(path)
    height, width = sprite.shape[:2]
    scale, degrees = 0.98 * size / float(np.hypot(height, width)), float(rng.uniform(0, 360))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    turn[:, 2] += (size - width) / 2, (size - height) / 2
    turned = cv2.warpAffine(sprite, turn, (size, size), flags=cv2.INTER_LINEAR)
    return _cut(np.asarray(turned, np.uint8))


@lru_cache(_KEPT)
def cut_out(path: Path) -> Sprite:
    """A picture's item, (H, W, 4) uint8, in its bounds. Raises DatasetError for a picture that cannot be read."""
    picture = _read(path)
    if picture.shape[2] == 4 and picture[..., 3].min() < 255:
        return _cut(picture)
    rgb = np.ascontiguousarray(picture[..., :3])
    return _cut(np.dstack([rgb, _standing_out(rgb) if _on_white(rgb) else _soft_edges(rgb)]))


def _read(path: Path) -> NDArray[np.uint8]:
    """RGB or RGBA."""
    data = np.frombuffer(read_bytes(path), np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if found is None or found.dtype != np.uint8:
        raise DatasetError(f"{path}: expected a JPEG, PNG or other picture of 8 bits, found none; replace or remove it")
    order = {2: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    colour = cv2.cvtColor(found, order[found.ndim if found.ndim == 2 else found.shape[2]])
    scale = min(1.0, _LONGEST_PX / max(colour.shape[:2]))
    return np.asarray(cv2.resize(colour, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _on_white(rgb: NDArray[np.uint8]) -> bool:
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).min(axis=1)
    return float((border >= _WHITE).mean()) > 0.9


def _standing_out(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Opacity: 0 where white is connected to the border, so that white parts inside an item stay."""
    framed = cv2.copyMakeBorder(rgb, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    seen = np.zeros((framed.shape[0] + 2, framed.shape[1] + 2), np.uint8)
    near = (255 - _WHITE + _TOLERANCE,) * 3
    cv2.floodFill(framed, seen, (0, 0), (0, 0, 0), near, near, cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY)
    opaque = np.where(seen[2:-2, 2:-2], 0, 255).astype(np.uint8)
    return np.asarray(cv2.blur(cv2.erode(opaque, np.ones((3, 3), np.uint8)), (3, 3)), np.uint8)


def _soft_edges(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Opacity of a rectangle whose rim fades."""
    height, width = rgb.shape[:2]
    rim = max(2, min(height, width) // 25)
    inner = np.full((max(1, height - 2 * rim), max(1, width - 2 * rim)), 255, np.uint8)
    across, down = width - inner.shape[1], height - inner.shape[0]
    framed = cv2.copyMakeBorder(inner, down // 2, down - down // 2, across // 2, across - across // 2, 0, value=(0,))
    return np.asarray(cv2.blur(framed, (rim, rim)), np.uint8)


def _cut(sprite: NDArray[np.uint8]) -> Sprite:
    left, top, width, height = cv2.boundingRect((sprite[..., 3] > 12).view(np.uint8))
    if not width:
        left, top, height, width = 0, 0, *sprite.shape[:2]
    return np.ascontiguousarray(sprite[top : top + height, left : left + width])
