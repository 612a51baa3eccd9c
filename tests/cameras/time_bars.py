"""The time inside a picture: 32 vertical bars, the bits of the monotonic clock in ms, which survive any codec."""

import time

import numpy as np

BITS = 32
HEIGHT = 32
"""Rows from the top."""
WHITE = 255


def paint(gray: np.ndarray) -> None:
    """Write the time of now into (H, W) uint8."""
    now_ms = time.monotonic_ns() // 1_000_000 % 2**BITS
    bits = [(now_ms >> bit & 1) * WHITE for bit in range(BITS)]
    width = gray.shape[1] // BITS
    gray[:HEIGHT, : width * BITS] = np.repeat(bits, width)


def painted_ms(image: np.ndarray) -> int:
    """The time that a picture, (H, W, 3) or (H, W), says."""
    gray = image if image.ndim == 2 else image[:, :, 1]
    width = gray.shape[1] // BITS
    middles = gray[HEIGHT // 2, width // 2 : width * BITS : width] > WHITE // 2
    return sum(1 << bit for bit, white in enumerate(middles) if white)
