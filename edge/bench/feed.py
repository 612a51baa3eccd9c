"""`python -m edge.bench.feed SETTINGS`: a camera that costs next to nothing, in a process of its own.

Rendered pictures go round into shared memory, each stamped when it is written. It ends with its standard input.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.camera.frames import FrameWriter
from edge.preprocess import Image
from edge.sim.scene import Scene

PICTURES = 24
"""Of the belt with items on it; they are kept in memory, so that no time goes into drawing."""
STEP_S = 0.1
"""Of the belt's time between two of them."""
ITEMS_IN_VIEW_S = 3.0
"""By then the first items are."""


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown."""

    path: str
    fps: float
    width: int = 1280
    height: int = 720
    mm_per_px: float = 0.5
    empty: bool = False
    """The belt without items."""


@contextmanager
def feeding(feed: Feed) -> Iterator[None]:
    """Run the camera in a process of its own; on entry its first frame is there."""
    command = [sys.executable, "-m", "edge.bench.feed", msgspec.json.encode(feed).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            while not Path(feed.path).exists() and process.poll() is None:
                time.sleep(0.01)
            yield
        finally:
            process.kill()
            Path(feed.path).unlink(missing_ok=True)


def pictures(feed: Feed, count: int = PICTURES) -> list[Image]:
    """(height, width, 3) uint8 RGB each: the belt as it moves, with items or empty."""
    scene = Scene(count, width_px=feed.width, height_px=feed.height, mm_per_px=feed.mm_per_px, speed_mm_s=500.0)
    start_s, step_s = (0.0, 0.01) if feed.empty else (ITEMS_IN_VIEW_S, STEP_S)
    return [scene.frame(start_s + number * step_s) for number in range(count)]


def main() -> None:
    """Show the pictures at the asked rate; a frame that is late is skipped, as a camera would."""
    feed = msgspec.json.decode(sys.argv[1], type=Feed)
    threading.Thread(target=_end_with_holder, name="leash", daemon=True).start()
    shown = pictures(feed, 6 if feed.empty else PICTURES)
    with FrameWriter(Path(feed.path), feed.width, feed.height) as writer:
        start_s, number = time.monotonic(), 0
        while True:
            time.sleep(max(0.0, start_s + number / feed.fps - time.monotonic()))
            writer.write(shown[number % len(shown)], time.monotonic_ns())
            number = max(number + 1, int((time.monotonic() - start_s) * feed.fps))


def _end_with_holder() -> None:
    while os.read(sys.stdin.fileno(), 64):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
