"""Live pictures from an OpenCV capture, without those that a pause held up."""

import time
from collections.abc import Callable, Iterator

import cv2

from edge.camera.sources.shot import Shot
from edge.errors import CameraError
from edge.preprocess import to_rgb

READ_TIMEOUT_MS = 2000
"""The daemon's patience ends earlier; this ends a camera process that nobody watches."""
LATE_S = 0.25
"""A picture that comes so long after the last one is of before the pause, and more of them follow for as long again."""

Stamp = Callable[[cv2.VideoCapture], int]
"""When the picture that was just read was exposed, by `time.monotonic_ns()`."""


def watch(capture: cv2.VideoCapture, name: str, stamp: Stamp) -> Iterator[Shot]:
    """The pictures of a camera of the present: what a pause held up shows items where they no longer are.

    Raises CameraError at the first failure: OpenCV's next pictures may be stale.
    """
    shot = _read(capture, name, stamp)
    read_s, late, blind_until_s = time.monotonic(), False, 0.0
    while True:
        if time.monotonic() >= blind_until_s:
            yield shot
        was_late = late
        shot = _read(capture, name, stamp)
        last_s, read_s = read_s, time.monotonic()
        late = read_s - last_s > LATE_S  # the camera paused, or this process did
        if late and not was_late:  # twice is the pace of a slow camera, no pause
            blind_until_s = read_s + LATE_S


def _read(capture: cv2.VideoCapture, name: str, stamp: Stamp) -> Shot:
    started_s = time.monotonic()
    ok, frame = capture.read()
    # After a time-out OpenCV says ok to the next two reads, and gives old pictures.
    if (time.monotonic() - started_s) * 1000 >= READ_TIMEOUT_MS:
        raise CameraError(f"{name}: expected a frame, found none within {READ_TIMEOUT_MS} ms")
    if not ok:
        raise CameraError(f"{name}: expected a frame, found none: the stream ended")
    return Shot(to_rgb(frame), stamp(capture))
