"""One picture of the belt for a person: small enough for one MQTT message."""

import cv2
import numpy as np

from edge.preprocess import Image

MAX_BYTES = 48_000
"""Well below what our connections take in one packet."""
MAX_SIDE = 1_024
QUALITIES = (85, 70, 50)


def encode_snapshot(image: Image) -> bytes:
    """The picture as a JPEG of at most MAX_BYTES: first coarser, then smaller, until it fits.

    image: (H, W, 3) uint8, RGB, of any size.
    """
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    while True:
        picture = cv2.cvtColor(_scaled(image, scale), cv2.COLOR_RGB2BGR)
        for quality in QUALITIES:
            _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if jpeg.size <= MAX_BYTES:
                return jpeg.tobytes()
        scale *= 0.7


def _scaled(image: Image, scale: float) -> Image:
    if scale == 1.0:
        return image
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
