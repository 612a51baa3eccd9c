"""Pixels of a batch of photos changed by numbers drawn for each: in Keras' operations, which every backend compiles.

Photos are (N, S, S, 3) of 0 to 255 in float32, and numbers (N, …) float32. Keras' own geometric operations are not
used: TensorFlow's XLA has none of them, and their layers switch it off for the whole training step. Not in bfloat16
either: its 8 bits hold whole grey levels, and every weighted sum of them would lose one or two.
"""

from typing import Any

import numpy as np
from keras import ops

from train.views import FILL, REFLECT

Tensor = Any
"""Of whichever backend computes."""

MASK_BLUR = 0.6
"""Pixels: an item's edge passes into the belt within one."""
NOISE_UNIT = 32.0
"""Value of the noise strip that means one deviation: int8 holds four of them."""


def on_belt(photos: Tensor, items: Tensor, belts: Tensor, number: Tensor) -> Tensor:
    """Photos with what their `items`, (N, S, S, 1) of 0 to 1, leave free replaced by a belt; a negative `number` none.

    `belts`: (B, S, S, 3) uint8; `number`: (N, 1).
    """
    below = ops.cast(ops.take(belts, ops.cast(ops.maximum(number[:, 0], 0), "int32"), axis=0), "float32")
    kept = ops.where(_each(number) < 0, 1.0, items)
    return photos * kept + below * (1 - kept)


def item_masks(bits: Tensor, size: int) -> Tensor:
    """(N, bytes) uint8, eight pixels a byte with the first one highest, to (N, S, S, 1), soft at the edge."""
    places = ops.arange(7, -1, -1, dtype="int32")
    values = ops.bitwise_and(ops.right_shift(ops.cast(bits, "int32")[:, :, None], places), 1)
    flat = ops.reshape(values, (-1, bits.shape[1] * 8))[:, : size * size]
    masks = ops.cast(ops.reshape(flat, (-1, size, size, 1)), "float32")
    return blur(masks, ops.full_like(masks[:, 0, :2, 0], MASK_BLUR))


def warp(photos: Tensor, to_source: Tensor, border: Tensor, fill: Tensor) -> Tensor:
    """Photos of whole grey levels seen through `to_source` (N, 6), bilinearly.

    A pixel's channels are fetched together, as one integer: fetching is what this costs.
    """
    size = photos.shape[1]
    y, x = (ops.convert_to_tensor(places.ravel(), "float32") for places in np.indices((size, size)))
    source_x = to_source[:, 0:1] * x + to_source[:, 1:2] * y + to_source[:, 2:3]
    source_y = to_source[:, 3:4] * x + to_source[:, 4:5] * y + to_source[:, 5:6]
    left, top = ops.floor(source_x), ops.floor(source_y)
    right_share, low_share = (source_x - left)[..., None], (source_y - top)[..., None]
    pixels = _packed(photos)

    def fetch(column: Tensor, row: Tensor) -> Tensor:
        return _fetched(pixels, column, row, size, border, fill)

    upper = fetch(left, top) * (1 - right_share) + fetch(left + 1, top) * right_share
    lower = fetch(left, top + 1) * (1 - right_share) + fetch(left + 1, top + 1) * right_share
    return ops.reshape(upper * (1 - low_share) + lower * low_share, (-1, size, size, 3))


def colour(photos: Tensor, matrix: Tensor) -> Tensor:
    """Photos with every pixel's (red, green, blue, 1) multiplied by `matrix` (N, 12)."""
    rows = ops.reshape(matrix, (-1, 1, 1, 3, 4))
    changed = sum(photos[..., None, channel] * rows[..., channel] for channel in range(3))
    return ops.clip(changed + rows[..., 3], 0.0, 255.0)


def blur(photos: Tensor, deviations: Tensor) -> Tensor:
    """Photos under a Gaussian with `deviations` (N, 2) in pixels along rows and columns; the border is a mirror.

    By matrix products: XLA would fuse two sums over neighbours into one, and compute the first anew for each term of
    the second. On a GPU they round to the ten bits of TF32: an eighth of a grey level.
    """
    along, across = (_gaussian(deviations[:, axis : axis + 1], photos.shape[1]) for axis in range(2))
    return ops.einsum("nij,nhjc->nhic", along, ops.einsum("nij,njwc->niwc", across, photos))


def add_noise(photos: Tensor, strip: Tensor, noise: Tensor) -> Tensor:
    """Photos plus rows of `strip`, (rows, S * 3) int8: `noise` (N, 2) is the deviation and the first row."""
    size = photos.shape[1]
    rows = ops.cast(noise[:, 1:], "int32") + ops.arange(size, dtype="int32")
    pieces = ops.reshape(ops.cast(ops.take(strip, rows, axis=0), "float32"), (-1, size, size, 3))
    return ops.clip(photos + pieces * _each(noise[:, :1] / NOISE_UNIT), 0.0, 255.0)


def erase(photos: Tensor, rectangle: Tensor, colours: Tensor) -> Tensor:
    """Photos with `rectangle` (N, 4: top, left, height, width) painted in `colours` (N, 3)."""
    return ops.where(_inside(rectangle, photos.shape[1]), colours[:, None, None, :], photos)


def mix(photos: Tensor, blend: Tensor, paste: Tensor) -> Tensor:
    """Photos with the share `blend` (N, 1), and the rectangle `paste` (N, 4), of the one before them in the batch."""
    share = ops.maximum(_each(blend), ops.cast(_inside(paste, photos.shape[1]), "float32"))
    return photos * (1 - share) + ops.roll(photos, 1, axis=0) * share


def _each(numbers: Tensor) -> Tensor:
    """(N, 1) for every pixel of a photo."""
    return numbers[:, :, None, None]


def _packed(photos: Tensor) -> Tensor:
    levels = ops.cast(photos, "int32")
    packed = levels[..., 0] + levels[..., 1] * 256 + levels[..., 2] * 65536
    return ops.reshape(packed, (-1, photos.shape[1] * photos.shape[2]))


def _fetched(pixels: Tensor, column: Tensor, row: Tensor, size: int, border: Tensor, fill: Tensor) -> Tensor:
    """The colours (N, S * S, 3) at whole coordinates (N, S * S), which may lie beyond the border."""
    place = _within(row, size, border) * size + _within(column, size, border)
    found = ops.take_along_axis(pixels, ops.cast(place, "int32"), axis=1)
    channels = [ops.bitwise_and(ops.right_shift(found, 8 * channel), 255) for channel in range(3)]
    colours = ops.cast(ops.stack(channels, axis=-1), "float32")
    beyond = (column < 0) | (column > size - 1) | (row < 0) | (row > size - 1)
    return ops.where((beyond & (border == FILL))[..., None], fill[:, None, :], colours)


def _within(coordinate: Tensor, size: int, border: Tensor) -> Tensor:
    last = size - 1
    folded = ops.mod(ops.abs(coordinate), 2.0 * last)
    mirrored = ops.minimum(folded, 2.0 * last - folded)
    return ops.where(border == REFLECT, mirrored, ops.clip(coordinate, 0.0, last))


def _gaussian(deviation: Tensor, size: int) -> Tensor:
    """(N, size, size): how much of pixel j is in pixel i; deviation 0 leaves a pixel as it is."""
    last = size - 1
    j = ops.arange(size, dtype="float32")
    i = j[:, None]
    scale = -0.5 / ops.square(ops.maximum(deviation, 1e-2))[..., None]
    mirrored = ops.exp(scale * ops.square(i + j)) * ops.cast(j > 0, "float32")
    mirrored = mirrored + ops.exp(scale * ops.square(2 * last - i - j)) * ops.cast(j < last, "float32")
    weights = ops.exp(scale * ops.square(i - j)) + mirrored
    return weights / ops.sum(weights, axis=2, keepdims=True)


def _inside(rectangle: Tensor, size: int) -> Tensor:
    """(N, S, S, 1), true inside."""
    columns = ops.arange(size, dtype="float32")[:, None]
    rows = columns[:, None]
    top, left, height, width = (_each(rectangle[:, side : side + 1]) for side in range(4))
    return (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
