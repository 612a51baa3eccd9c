"""Pixels: what Keras' operations make of photos is what OpenCV makes of them, one by one."""

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from train import pixels
from train.backgrounds import mask_bytes
from train.views import FILL, REFLECT, REPLICATE, Variety, draw, fields

SIZE, COUNT = 48, 12

Photos = NDArray[np.float32]


@pytest.fixture
def photos() -> Photos:
    """Smooth and coloured, as photos are."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(COUNT)]
    return np.stack([cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for image in coarse], dtype="f4")


@pytest.fixture
def drawn() -> dict[str, NDArray[np.float32]]:
    """Strong variations."""
    return fields(draw(np.random.default_rng(1), COUNT, SIZE, Variety(2.0, turn=90)))


def computed(operation: Callable[..., Any], *arguments: Any) -> NDArray[np.float32]:
    """The operation on tensors of this backend."""
    tensors = [keras.ops.convert_to_tensor(value) if isinstance(value, np.ndarray) else value for value in arguments]
    return np.asarray(keras.ops.convert_to_numpy(operation(*tensors)))


@pytest.mark.parametrize(
    ("border", "mode"),
    [(REFLECT, cv2.BORDER_REFLECT_101), (REPLICATE, cv2.BORDER_REPLICATE), (FILL, cv2.BORDER_CONSTANT)],
)
def test_a_warp_is_opencv_s(photos: Photos, drawn: dict[str, NDArray[np.float32]], border: int, mode: int) -> None:
    """Moved, turned and scaled alike, with each kind of border; OpenCV rounds places to a 32nd of a pixel."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    wanted = [
        cv2.warpAffine(
            photo, matrix.reshape(2, 3), (SIZE, SIZE), flags=flags, borderMode=mode, borderValue=fill.tolist()
        )
        for photo, matrix, fill in zip(photos, drawn["to_source"], drawn["fill"], strict=True)
    ]

    borders = np.full((COUNT, 1), border, np.float32)
    warped = computed(pixels.warp, photos, drawn["to_source"], borders, drawn["fill"])

    assert np.abs(warped - wanted).mean() < 0.3
    assert np.quantile(np.abs(warped - wanted), 0.999) < 5


def test_a_blur_is_opencv_s(photos: Photos) -> None:
    """With its own deviation along each axis, and a mirror at the border; deviation 0 leaves an axis alone."""
    deviations = np.random.default_rng(2).uniform(0.3, 2.0, (COUNT, 2)).astype(np.float32)
    deviations[0] = 0
    wanted = [
        cv2.GaussianBlur(photo, (21, 21), sigmaX=float(along), sigmaY=float(across))
        for photo, (along, across) in zip(photos[1:], deviations[1:], strict=True)
    ]

    blurred = computed(pixels.blur, photos, deviations)

    assert np.array_equal(blurred[0], photos[0])
    assert np.abs(blurred[1:] - wanted).max() < 0.1


def test_colours_are_opencv_s(photos: Photos, drawn: dict[str, NDArray[np.float32]]) -> None:
    """One matrix a photo, cut off at black and white."""
    matrices = drawn["colour"].reshape(-1, 3, 4)
    wanted = [cv2.transform(photo, matrix).clip(0, 255) for photo, matrix in zip(photos, matrices, strict=True)]

    coloured = computed(pixels.colour, photos, drawn["colour"])

    assert np.abs(coloured - wanted).max() < 0.01


def test_noise_has_the_deviation_that_was_drawn() -> None:
    """Its rows come from the strip at the row that was drawn."""
    strip = np.rint(np.random.default_rng(0).standard_normal((3 * SIZE, SIZE * 3)) * pixels.NOISE_UNIT).astype(np.int8)
    grey = np.full((2, SIZE, SIZE, 3), 128, np.float32)

    noisy = computed(pixels.add_noise, grey, strip, np.array([[10, 5], [0, 7]], np.float32)) - grey

    assert noisy[0].std() == pytest.approx(10, rel=0.05)
    assert np.allclose(noisy[0].reshape(SIZE, -1), strip[5 : 5 + SIZE] * np.float32(10 / pixels.NOISE_UNIT))
    assert not noisy[1].any()


def test_a_rectangle_is_erased(photos: Photos) -> None:
    """Exactly the pixels that were drawn, in the colour that was drawn."""
    rectangle, colour = np.tile(np.float32([3, 5, 10, 20]), (COUNT, 1)), np.tile(np.float32([9, 8, 7]), (COUNT, 1))
    wanted = photos.copy()
    wanted[:, 3:13, 5:25] = (9, 8, 7)

    assert np.array_equal(computed(pixels.erase, photos, rectangle, colour), wanted)


def test_a_photo_is_mixed_with_the_one_before_it(photos: Photos) -> None:
    """Blended by its share, or pasted into; the first one's partner is the last."""
    before = np.roll(photos, 1, axis=0)
    blend, paste = np.zeros((COUNT, 1), np.float32), np.zeros((COUNT, 4), np.float32)
    blend[0], paste[1] = 0.25, (0, 0, SIZE, 10)

    mixed = computed(pixels.mix, photos, blend, paste)

    assert np.allclose(mixed[0], 0.75 * photos[0] + 0.25 * before[0], atol=1e-3)
    assert np.array_equal(mixed[1, :, :10], before[1, :, :10])
    assert np.array_equal(mixed[1, :, 10:], photos[1, :, 10:])
    assert np.array_equal(mixed[2:], photos[2:])


@pytest.mark.parametrize("size", [48, 33])
def test_an_item_stays_before_a_belt(size: int) -> None:
    """Bits come back as pixels, soft by one at the edge, also where they fill no whole bytes; -1 is no belt."""
    item = np.zeros((size, size), bool)
    item[10:20, 5:30] = True
    bits = np.tile(np.packbits(item), (2, 1))
    white, belts = np.full((2, size, size, 3), 255, np.float32), np.full((3, size, size, 3), 40, np.uint8)

    assert bits.shape == (2, mask_bytes(size))
    items = computed(pixels.item_masks, bits, size)
    laid = computed(pixels.on_belt, white, items, belts, np.array([[1], [-1]], np.float32))

    assert np.all(laid[0, 11:19, 6:29] > 253)
    assert np.all(laid[0, :8] < 42)
    assert 50 < laid[0, 9, 15, 0] < 128 < laid[0, 10, 15, 0] < 245
    assert np.all(laid[1] == 255)
