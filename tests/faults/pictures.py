"""A triggered camera at any rate, whose every picture is one item: `python -m tests.faults.pictures FRAMES RATE`."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from edge.camera.frames import FrameWriter

SIDE_PX = 64
KINDS = 16
"""Different pictures, for a camera that repeats itself has a fault."""


def main() -> None:
    """Write pictures until whoever started this is gone."""
    path, rate, owner = Path(sys.argv[1]), float(sys.argv[2]), os.getppid()
    pictures = np.random.default_rng(0).integers(0, 256, (KINDS, SIDE_PX, SIDE_PX, 3), np.uint8)
    began_s, number = time.monotonic(), 0
    with FrameWriter(path, SIDE_PX, SIDE_PX) as writer:
        while os.getppid() == owner:
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
            writer.write(pictures[number % KINDS], time.monotonic_ns())
            number = max(number + 1, int((time.monotonic() - began_s) * rate))


if __name__ == "__main__":
    main()
