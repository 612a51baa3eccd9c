"""What presence and tracking cost a frame, beside the least that finding things against a picture can cost.

    python benchmarks/presence_cost.py [--frames N]

The bare baseline shrinks the frame, takes the difference to a fixed empty belt and labels what is beyond a threshold:
no flicker, no shadows, no seams, no tracks. Both run on one core and take turns frame by frame.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np

from edge.belt.belt import Belt
from edge.belt.odometer import Odometer
from edge.config import BeltConfig
from edge.preprocess import Image, halved
from edge.sim.scene import Scene

SIZES = ((640, 480, 1.0), (1280, 720, 0.5))
"""Width, height, mm per pixel."""
SPEED_MM_S, FPS = 500.0, 30
WORK_WIDTH = 320
TO_REACH_MS = 4.0


def main() -> None:
    """Print median and 99th percentile of both for each size, and the ratio of the medians."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--frames", type=int, default=600)
    frames = options.parse_args().frames
    cv2.setNumThreads(1)
    print(f"{frames} frames each, one core, ms a frame (to reach at 1280x720: {TO_REACH_MS:g})")
    for width, height, mm_per_px in SIZES:
        ours, bare = measured(frames, width, height, mm_per_px)
        print(
            f"{width}x{height}  belt median {np.median(ours):.2f} p99 {np.percentile(ours, 99):.2f}  "
            f"bare median {np.median(bare):.2f} p99 {np.percentile(bare, 99):.2f}  "
            f"ratio {np.median(ours) / np.median(bare):.2f}"
        )


def measured(frames: int, width: int, height: int, mm_per_px: float) -> tuple[list[float], list[float]]:
    """Milliseconds of each frame, of the belt and of the baseline; the first second is not counted."""
    scene = Scene(frames // 10, seed=1, width_px=width, height_px=height, mm_per_px=mm_per_px, speed_mm_s=SPEED_MM_S)
    config = BeltConfig(direction="right", speed_mm_s=SPEED_MM_S, mm_per_px=mm_per_px, line_mm=width * mm_per_px / 2)
    belt = Belt(config, width, height, Odometer(SPEED_MM_S, 0))
    empty = shrunk(scene.frame(0.0))
    ours, bare = [], []
    for number in range(FPS + frames):
        t_s = number / FPS
        frame = scene.frame(t_s)
        ours.append(timed(lambda frame=frame, t_s=t_s: belt.see(frame, round(t_s * 1e9))))
        bare.append(timed(lambda frame=frame: baseline(frame, empty)))
    return ours[FPS:], bare[FPS:]


def baseline(frame: Image, empty: Image) -> int:
    """Things in a frame, as plainly as it can be done."""
    difference = cv2.cvtColor(cv2.absdiff(shrunk(frame), empty), cv2.COLOR_RGB2GRAY)
    _, things = cv2.threshold(difference, 20, 255, cv2.THRESH_BINARY)
    return cv2.connectedComponentsWithStats(things)[0]


def shrunk(frame: Image) -> Image:
    """The frame at working size."""
    return halved(frame, round(np.log2(frame.shape[1] / WORK_WIDTH)))


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of this process's own time: what else the machine does is not counted."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
