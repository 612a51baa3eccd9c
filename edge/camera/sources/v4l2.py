"""V4L2 devices: asked for size, rate, format, exposure and white balance, and asked again what came of it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edge.camera.sources.opencv import watch
from edge.camera.sources.shot import Say, Shot
from edge.config import CameraConfig
from edge.errors import CameraError

DEVICE_PREFIX = "/dev/"
MANUAL_EXPOSURE = 1
"""V4L2_EXPOSURE_MANUAL: OpenCV hands the number through."""
EXPOSURE_US = 100
"""V4L2_CID_EXPOSURE_ABSOLUTE counts in 100 µs."""
CLOSE = 0.05
"""Devices take steps: so near, as a share of what was asked, is what was asked."""
STAMP_AGE_NS = 1_000_000_000
"""An older stamp, or one of the future, is of another clock than CLOCK_MONOTONIC."""


def watch_device(config: CameraConfig, say: Say) -> Iterator[Shot]:
    """The pictures of a V4L2 device. Raises CameraError when there is none, or this user may not open it."""
    source = config.source
    _require_access(source)
    capture = cv2.VideoCapture(source, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CameraError(
            f"{source}: expected a camera, found a device that delivers no pictures or that another program uses"
        )
    ask_device(capture, config, say)
    yield from watch(capture, source, _kernel_stamp)


def ask_device(capture: cv2.VideoCapture, config: CameraConfig, say: Say) -> None:
    """Set what [camera] asks for, read it back, and say what the device did not take."""
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest that waits
    for _, prop, asked in _asked(config):
        capture.set(prop, asked)
    for what, prop, asked in _asked(config):
        got = capture.get(prop)
        if abs(got - asked) > CLOSE * abs(asked):
            say(f"camera-setting: asked {what} {_shown(prop, asked)}, got {_shown(prop, got)}")


def _asked(config: CameraConfig) -> Iterator[tuple[str, int, float]]:
    """In the order in which drivers take them: the format decides on sizes, both on rates, automatics on values."""
    if config.pixel_format:
        yield "pixel_format", cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*f"{config.pixel_format:4.4}")
    if config.width and config.height:
        yield "width", cv2.CAP_PROP_FRAME_WIDTH, config.width
        yield "height", cv2.CAP_PROP_FRAME_HEIGHT, config.height
    yield "fps", cv2.CAP_PROP_FPS, config.fps
    if config.exposure_us:
        yield "automatic exposure", cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL_EXPOSURE
        yield "exposure_us", cv2.CAP_PROP_EXPOSURE, round(config.exposure_us / EXPOSURE_US)
    if config.white_balance:
        yield "automatic white balance", cv2.CAP_PROP_AUTO_WB, 0
    if config.white_balance and config.white_balance != "locked":
        yield "white_balance", cv2.CAP_PROP_WB_TEMPERATURE, float(config.white_balance.removesuffix("K"))


def _shown(prop: int, value: float) -> str:
    if prop == cv2.CAP_PROP_FOURCC:
        return int(value).to_bytes(4, "little", signed=value < 0).decode("ascii", "replace").strip("\0 ")
    return f"{value * EXPOSURE_US if prop == cv2.CAP_PROP_EXPOSURE else value:g}"


def _require_access(source: str) -> None:
    if os.access(source, os.R_OK | os.W_OK):
        return
    found = "no permission; add the user to the group video" if Path(source).exists() else "no such device"
    raise CameraError(f"{source}: expected a camera, found {found}")


def _kernel_stamp(capture: cv2.VideoCapture) -> int:
    """When the driver had the picture; now, where its clock is another one."""
    now_ns, stamp_ns = time.monotonic_ns(), round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
    return stamp_ns if 0 <= now_ns - stamp_ns < STAMP_AGE_NS else now_ns
