"""Small pictures for the report: a photo, or a photo with the places that spoke for a class glowing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image

SIDE_PX = 144
JPEG_QUALITY = 80
HEAT_SHARE = 0.45


def thumbnail(image: Image) -> bytes:
    """`image`, (size, size, 3) uint8 RGB, as a small JPEG."""
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def glowing(image: Image, activation: NDArray[np.float32]) -> Image:
    """`image` under the heat of one class's `activation` (h, w): red spoke most for it, blue not at all.

    What spoke against the class is cut off, as in Grad-CAM.
    """
    positive = np.maximum(activation, 0)
    levels = np.asarray(255 * positive / max(float(positive.max()), 1e-12), np.uint8)
    wide = cv2.resize(levels, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    heat = cv2.cvtColor(cv2.applyColorMap(wide, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.addWeighted(image, 1 - HEAT_SHARE, heat, HEAT_SHARE, 0), np.uint8)
