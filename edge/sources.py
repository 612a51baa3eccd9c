"""Where frames come from: devices, streams, recordings and folders; run as a process, it writes them for the daemon."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import msgspec

from edge.config import CameraConfig
from edge.errors import CameraError, SortlineError
from edge.frames import FrameWriter
from edge.preprocess import Image, read_photo, to_rgb

DEVICE_PREFIX = "/dev/"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
OPEN_TIMEOUT_MS = 8000
READ_TIMEOUT_MS = 2000
RTSP_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
"""TCP: a lost packet is late, not a grey stripe; no buffer: the newest picture, p99 90 ms."""
LATE_S = 0.25
"""A read that took longer brings a picture of before the pause, and more of them are on their way for as long again."""


def main() -> None:
    """The camera process: `python -m edge.sources TARGET < CONFIG-JSON`; every user may read a command line."""
    config, target = msgspec.json.decode(sys.stdin.buffer.read(), type=CameraConfig), Path(sys.argv[1])
    try:
        _write_frames(config, target, parent=os.getppid())
    except SortlineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


def _write_frames(config: CameraConfig, target: Path, parent: int) -> None:
    with ExitStack() as opened:
        _copy_frames(config, target, parent, opened)


def _copy_frames(config: CameraConfig, target: Path, parent: int, opened: ExitStack) -> None:
    writer: FrameWriter | None = None
    for image in open_source(config):
        captured_ns = time.monotonic_ns()
        if writer is None:
            writer, first = opened.enter_context(FrameWriter(target, image.shape[1], image.shape[0])), image.shape
        if image.shape != first:
            raise CameraError(
                f"{public_name(config.source)}: expected frames of {first[1]}x{first[0]} pixels like the first, found "
                f"{image.shape[1]}x{image.shape[0]}"
            )
        writer.write(image, captured_ns)
        if os.getppid() != parent:
            return  # the daemon is gone: so are its frames
    if writer:
        time.sleep(config.stall_s / 2)  # the reader's time to take the last frame


def public_name(source: str) -> str:
    """The source as logs and the broker may see it: without user and password of its URL."""
    return re.sub(r"(?<=://)[^/?#]*@", "", source)


def open_source(config: CameraConfig) -> Iterator[Image]:
    """The pictures of a source, each as it comes, (H, W, 3) uint8 RGB of one size. Raises CameraError."""
    path = Path(config.source)
    if path.is_dir():
        return _paced(_pictures(path, config.loop), config.fps)
    if path.is_file():
        return _paced(_recording(config), config.fps)
    return _live(config)


def _paced(images: Iterator[Image], fps: float) -> Iterator[Image]:
    """Hand out a file's pictures at the pace at which a camera would have delivered them."""
    start = time.monotonic()
    for number, image in enumerate(images):
        time.sleep(max(0.0, start + number / fps - time.monotonic()))
        yield image


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
        capture, frames = _open_capture(config), 0
        while (frame := capture.read())[0]:
            frames += 1
            yield to_rgb(frame[1])
        if not frames:
            raise CameraError(f"{config.source}: expected a video, found no frame in it")
        if not config.loop:
            return


def _live(config: CameraConfig) -> Iterator[Image]:
    """A device or stream, without the pictures that a pause held up: they show items where they no longer are."""
    capture, name = _open_capture(config), public_name(config.source)
    image, _ = _read(capture, name)
    late, blind_until_s = False, 0.0
    while True:
        if time.monotonic() >= blind_until_s:
            yield image
        was_late = late
        image, waited_s = _read(capture, name)
        late = waited_s > LATE_S
        if late and not was_late:  # twice is the pace of a slow camera, no pause
            blind_until_s = time.monotonic() + LATE_S


def _read(capture: cv2.VideoCapture, name: str) -> tuple[Image, float]:
    """The next picture and the seconds that it took; every failure is final, for OpenCV's next ones may be stale."""
    started_s = time.monotonic()
    ok, frame = capture.read()
    waited_s = time.monotonic() - started_s
    if waited_s * 1000 >= READ_TIMEOUT_MS:
        raise CameraError(f"{name}: expected a frame, found none within {READ_TIMEOUT_MS} ms")
    if not ok:
        raise CameraError(f"{name}: expected a frame, found none: the stream ended")
    return to_rgb(frame), waited_s


def _open_capture(config: CameraConfig) -> cv2.VideoCapture:
    source = config.source
    if source.startswith(DEVICE_PREFIX):
        if not os.access(source, os.R_OK | os.W_OK):
            found = "no permission; add the user to the group video" if Path(source).exists() else "no such device"
            raise CameraError(f"{source}: expected a camera, found {found}")
        capture = cv2.VideoCapture(source, cv2.CAP_V4L2)
        _ask_device(capture, config)
    elif "://" in source:
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", RTSP_OPTIONS)  # on a file, it costs the first frame
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    elif Path(source).exists():
        capture = cv2.VideoCapture(source)
    else:
        raise CameraError(f"{source}: expected a device, URL, video file or folder of pictures, found none of them")
    if not capture.isOpened():
        raise CameraError(f"{public_name(source)}: expected a camera or video that OpenCV can read, found none")
    return capture


def _ask_device(capture: cv2.VideoCapture, config: CameraConfig) -> None:
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest that waits
    capture.set(cv2.CAP_PROP_FPS, config.fps)
    if config.width and config.height:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)


if __name__ == "__main__":
    main()
