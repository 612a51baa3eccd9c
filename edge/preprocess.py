"""The one decode, crop and resize of the project: training, export and the line see pictures through this file."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.errors import DatasetError

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""

VERSION = 1
"""Raised whenever this file makes other pixels of the same photo: what was kept of it is then made anew."""

ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
"""How a JPEG and a PNG begin -> what stands near the end of a whole one."""
TAIL = 4096
"""Bytes in which that end must stand: some cameras write a little after it."""


class Box(NamedTuple):
    """A rectangle in pixels: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int


def read_photo(path: Path) -> Image:
    """Decode a photo to (H, W, 3) uint8 RGB, upright by its EXIF orientation.

    Raises DatasetError when the file is missing, truncated or no picture.
    """
    return decode_photo(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """The bytes of a photo's file. Raises DatasetError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: expected a photo, found {error.strerror}") from error


def decode_photo(data: bytes, path: Path) -> Image:
    """As `read_photo`, of the bytes that were read from `path`."""
    if ends_early(data):
        raise DatasetError(f"{path}: expected a whole photo, found one that ends early; replace or remove it")
    image = _decoded(data)
    if image is None:
        raise DatasetError(f"{path}: expected a JPEG, PNG or other picture, found {data[:8]!r}…; replace or remove it")
    return to_rgb(image)


def ends_early(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end: decoders would make the rest of it grey."""
    return any(data.startswith(start) and data.rfind(end, -TAIL) < 0 for start, end in ENDS.items())


def _decoded(data: bytes) -> MatLike | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # nothing to decode, or a header that claims more than 2**30 pixels
        return None


def to_rgb(image: NDArray[Any]) -> Image:
    """Turn OpenCV's (H, W, 3) uint8 BGR into RGB."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def square_around(box: Box, width: int, height: int, margin: float = 0.0) -> Box:
    """The square that shows `box` undistorted within a picture of `width` x `height` pixels.

    Its side is the longer side of `box` times 1 + `margin`, at most the shorter side of the picture; it is centred on
    `box` and moved inward where it would leave the picture. For the box of a whole photo that is the central square.
    """
    wide, high = box.right - box.left, box.bottom - box.top
    side = min(round(max(wide, high) * (1 + margin)), width, height)
    left = min(max((box.left + box.right - side) // 2, 0), width - side)
    top = min(max((box.top + box.bottom - side) // 2, 0), height - side)
    return Box(left, top, left + side, top + side)


def crop_and_resize(image: Image, size: int, box: Box | None = None, margin: float = 0.0) -> Image:
    """The square around `box` (default: the whole picture) as (size, size, 3) uint8 RGB: a model's input."""
    height, width = image.shape[:2]
    square = square_around(box or Box(0, 0, width, height), width, height, margin)
    part = image[square.top : square.bottom, square.left : square.right]
    # Beyond two pixels for one, bilinear sampling would skip some and alias: they are averaged first.
    side = square.right - square.left
    part = halved(part, max(0, int(math.log2(side / size))))
    return np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def halved(image: Image, times: int) -> Image:
    """`image` with each 2 x 2 pixels averaged into one, `times` times over.

    OpenCV does it in SIMD: a quarter of each side takes a third of the time of one INTER_AREA resize to it.
    """
    small: MatLike = image
    for _ in range(times):
        size = (small.shape[1] // 2, small.shape[0] // 2)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def model_input(path: Path, size: int) -> Image:
    """A photo on disk as a model's input: (size, size, 3) uint8 RGB. Raises DatasetError."""
    return crop_and_resize(read_photo(path), size)
