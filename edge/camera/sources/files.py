"""Recordings: video files and folders of pictures, played at the pace of a camera."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edge.camera.sources.shot import Shot
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.preprocess import Image, read_photo, to_rgb

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


def play_folder(config: CameraConfig) -> Iterator[Shot]:
    """The pictures of a folder in the order of their names. Raises CameraError when it has none."""
    return _paced(_pictures(Path(config.source), config.loop), config.fps)


def play_recording(config: CameraConfig) -> Iterator[Shot]:
    """The pictures of a video file. Raises CameraError when it is none."""
    return _paced(_recording(config), config.fps)


def _paced(images: Iterator[Image], fps: float) -> Iterator[Shot]:
    """Hand out a file's pictures at the pace at which a camera would have delivered them."""
    start = time.monotonic()
    for number, image in enumerate(images):
        time.sleep(max(0.0, start + number / fps - time.monotonic()))
        yield Shot(image, time.monotonic_ns())


def _pictures(folder: Path, loop: bool) -> Iterator[Image]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise CameraError(f"{folder}: expected pictures {sorted(PICTURES)}, found none")
    while True:
        yield from map(read_photo, paths)
        if not loop:
            return


def _recording(config: CameraConfig) -> Iterator[Image]:
    while True:
        capture, frames = cv2.VideoCapture(config.source), 0
        if not capture.isOpened():
            raise CameraError(f"{config.source}: expected a video that OpenCV can read, found none")
        while (frame := capture.read())[0]:
            frames += 1
            yield to_rgb(frame[1])
        if not frames:
            raise CameraError(f"{config.source}: expected a video, found no frame in it")
        if not config.loop:
            return
