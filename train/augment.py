"""A photo as another camera might have taken it: moved, turned, lit, coloured, blurred, noisy, partly hidden.

The kinds are the paper's (brightness, size, colour, noise, blur, flip) plus rotation, aspect, random erasing and
another background. It
runs in OpenCV on the host, where one photo takes a millisecond, and not as layers in the network: Keras' geometric
layers switch XLA off for the whole training step, and nothing of it could be saved with the model anyway.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train.backgrounds import Rng, replace_background

ZOOM_OUT, ZOOM_IN = 1.4, 1.6
"""At strength 1 an item looks up to so many times smaller or larger."""
ASPECT = 1.2
TURN_DEGREES = 25.0
SHIFT = 0.12
"""Of the side."""
BRIGHTNESS, CONTRAST = 40.0, 1.35
SATURATION = 0.5
WHITE_BALANCE = 0.08
"""Standard deviation of the log gain of each channel: lamps differ in colour."""
BLUR_CHANCE, BLUR_SIGMA = 0.35, 2.0
"""In pixels at a side of 224; along each axis its own, as motion blurs only one."""
NOISE_CHANCE, NOISE_SIGMA = 0.5, 14.0
NOISE_STRIP = 8
"""Pictures' worth of noise to cut from."""
ERASE_CHANCE, ERASE_SIDES = 0.25, (0.1, 0.4)
"""A rectangle with sides of this share of the picture's."""

LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601."""
GREY = 128.0
BORDERS = (cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)


def augmenter(strength: float, backgrounds: float = 0.0) -> Callable[[Image, Rng], Image] | None:
    """A function that varies one photo by a random generator; None for strength 0."""
    if strength == 0:
        return None
    return lambda image, rng: augment(image, rng, strength, backgrounds)


def augment(image: Image, rng: Rng, strength: float = 1.0, backgrounds: float = 0.0) -> Image:
    """Another (size, size, 3) uint8 RGB view of `image`: the same state of `rng` gives the same view.

    `backgrounds` is the chance that a product shot lies on a belt in this view.
    """
    varied = replace_background(image, rng) if rng.random() < backgrounds else image
    varied = _move(varied, rng, strength)
    varied = _colour(varied, rng, strength)
    if rng.random() < BLUR_CHANCE * strength:
        varied = _blur(varied, rng, strength)
    if rng.random() < NOISE_CHANCE * strength:
        varied = _noise(varied, rng, strength)
    if rng.random() < ERASE_CHANCE * strength:
        varied = _erase(varied, rng)
    return varied


def _move(image: Image, rng: Rng, strength: float) -> Image:
    """Zoom, aspect, flips, rotation and shift in one warp, so that pixels are interpolated once."""
    size = image.shape[0]
    centre = np.array([(size - 1) / 2, (size - 1) / 2])
    linear = _turn(rng, strength) @ np.diag(_scales(rng, strength))
    offset = centre + rng.uniform(-SHIFT, SHIFT, 2) * strength * size - linear @ centre
    border = BORDERS[rng.integers(len(BORDERS))]
    fill = rng.integers(0, 256, 3).tolist()
    to_source = np.column_stack([linear, offset])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _image(cv2.warpAffine(image, to_source, (size, size), flags=flags, borderMode=border, borderValue=fill))


def _turn(rng: Rng, strength: float) -> NDArray[np.float64]:
    angle = np.radians(rng.uniform(-TURN_DEGREES, TURN_DEGREES) * strength)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _scales(rng: Rng, strength: float) -> NDArray[np.float64]:
    """Source pixels per pixel along x and y; a negative one flips."""
    zoom = rng.uniform(-np.log(ZOOM_IN), np.log(ZOOM_OUT)) * strength
    aspect = rng.uniform(-np.log(ASPECT), np.log(ASPECT)) * strength / 2
    return np.asarray(np.exp([zoom + aspect, zoom - aspect]) * rng.choice([-1.0, 1.0], 2), np.float64)


def _colour(image: Image, rng: Rng, strength: float) -> Image:
    """Brightness, contrast, saturation and white balance as one 3 x 4 colour matrix."""
    saturation = 1 + rng.uniform(-SATURATION, SATURATION) * strength
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    gains = np.exp(rng.normal(0, WHITE_BALANCE * strength, 3))
    contrast = np.exp(rng.uniform(-np.log(CONTRAST), np.log(CONTRAST)) * strength)
    offset = GREY * (1 - contrast) + rng.uniform(-BRIGHTNESS, BRIGHTNESS) * strength
    matrix = np.column_stack([contrast * np.diag(gains) @ mix, np.full(3, offset)])
    return _image(cv2.transform(image, matrix.astype(np.float32)))


def _blur(image: Image, rng: Rng, strength: float) -> Image:
    largest = BLUR_SIGMA * strength * image.shape[0] / 224
    across, along = rng.uniform(0.05, 1.0, 2) * largest
    return _image(cv2.GaussianBlur(image, (0, 0), sigmaX=across, sigmaY=along))


def _noise(image: Image, rng: Rng, strength: float) -> Image:
    strip = _noise_strip(image.size)
    first = rng.integers(len(strip) - image.size)
    noise = strip[first : first + image.size].reshape(image.shape) * np.float32(rng.uniform(0, NOISE_SIGMA * strength))
    return _image(cv2.add(image, noise, dtype=cv2.CV_8U))


@cache
def _noise_strip(values: int) -> NDArray[np.float32]:
    """Standard normal values to cut noise from: drawing them anew would take longer than all else together."""
    return np.random.default_rng(0).standard_normal(values * NOISE_STRIP, np.float32)


def _erase(image: Image, rng: Rng) -> Image:
    size = image.shape[0]
    height, width = (rng.uniform(*ERASE_SIDES, 2) * size).astype(int)
    top, left = rng.integers(0, size - height), rng.integers(0, size - width)
    erased = image.copy()
    erased[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return erased


def _image(array: NDArray[np.generic]) -> Image:
    return np.asarray(array, np.uint8)
