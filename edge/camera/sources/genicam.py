"""GigE Vision and USB3 Vision cameras: `genicam:NAME`, free running or triggered."""

from collections.abc import Iterator

import cv2
import numpy as np

from edge.camera.sources.aravis import Device, RawPicture
from edge.camera.sources.shot import Say, Shot, Silence
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.preprocess import Image

GENICAM_PREFIX = "genicam:"
READ_TIMEOUT_S = 2.0
"""The daemon's patience ends earlier; this ends a camera process that nobody watches."""
ALIVE_S = 0.1
"""How often a camera that nothing triggers is asked whether it is there."""
CLOSE = 0.02
"""Cameras take steps: so near, as a share of what was asked, is what was asked."""

FORMATS = {  # PFNC code -> name, bytes a pixel, what OpenCV makes RGB of it with; in the order of preference
    0x02180014: ("RGB8", 3, None),
    0x02180015: ("BGR8", 3, cv2.COLOR_BGR2RGB),
    0x01080009: ("BayerRG8", 1, cv2.COLOR_BayerRGGB2RGB),
    0x01080008: ("BayerGR8", 1, cv2.COLOR_BayerGRBG2RGB),
    0x0108000A: ("BayerGB8", 1, cv2.COLOR_BayerGBRG2RGB),
    0x0108000B: ("BayerBG8", 1, cv2.COLOR_BayerBGGR2RGB),
    0x02100032: ("YUV422_8", 2, cv2.COLOR_YUV2RGB_YUY2),
    0x0210001F: ("YUV422_8_UYVY", 2, cv2.COLOR_YUV2RGB_UYVY),
    0x01080001: ("Mono8", 1, cv2.COLOR_GRAY2RGB),
}
OTHER_NAMES = {"RGB8Packed": "RGB8", "BGR8Packed": "BGR8", "YUV422Packed": "YUV422_8_UYVY", "YUYV": "YUV422_8"}
"""As older cameras call them."""


def watch_genicam(config: CameraConfig, say: Say) -> Iterator[Shot | Silence]:
    """The newest pictures of a camera, and Silence while it waits for its trigger.

    Raises CameraError when there is none, another program has it, or it no longer answers.
    """
    with Device(config.source.removeprefix(GENICAM_PREFIX)) as device:
        _set_up(device, config, say)
        device.start()
        while True:
            picture = device.newest(ALIVE_S if config.trigger else READ_TIMEOUT_S)
            if picture:
                yield Shot(_rgb(device.name, picture), picture.captured_ns)
            elif config.trigger:
                device.require_alive()
                yield Silence(*device.region())
            else:
                raise CameraError(f"{device.name}: expected a frame, found none within {READ_TIMEOUT_S:g} s")


def _set_up(device: Device, config: CameraConfig, say: Say) -> None:
    device.stop()
    if config.width and config.height:
        device.set_region(config.width, config.height)
    device.set("PixelFormat", _format(device, config.pixel_format))
    if config.exposure_us:
        device.exposure_us = config.exposure_us
        _compare("exposure_us", config.exposure_us, device.exposure_us, say)
    if config.white_balance:
        _lock_white_balance(device, config.white_balance, say)
    if config.trigger:
        device.trigger = config.trigger
        if device.trigger != config.trigger:
            raise CameraError(f"{device.name}: expected the trigger {config.trigger}, found {device.trigger}")
    else:
        device.run_free()
        device.frame_rate = config.fps
        _compare("fps", config.fps, device.frame_rate, say)


def _compare(what: str, asked: float, got: float, say: Say) -> None:
    if abs(got - asked) > CLOSE * asked:
        say(f"camera-setting: asked {what} {asked:g}, got {got:g}")


def _format(device: Device, asked: str | None) -> str:
    """The camera's name of the asked pixel format, or of the best one that is known here."""
    offered = {OTHER_NAMES.get(name, name): name for name in device.formats()}
    known = [name for name, _, _ in FORMATS.values()]
    wanted = [asked] if asked else known
    if chosen := next((offered[name] for name in wanted if name in offered and name in known), None):
        return chosen
    usable = [name for name in known if name in offered]
    raise CameraError(f"{device.name}: expected the pixel format {asked or known}, found {usable or list(offered)}")


def _lock_white_balance(device: Device, asked: str, say: Say) -> None:
    if asked != "locked":
        say(f"camera-setting: asked white_balance {asked}, got none by kelvin; such a camera can be told only 'locked'")
    if device.has("BalanceWhiteAuto"):
        device.set("BalanceWhiteAuto", "Off")
        if (got := device.get("BalanceWhiteAuto")) != "Off":
            say(f"camera-setting: asked automatic white balance Off, got {got}")


def _rgb(name: str, picture: RawPicture) -> Image:
    """(H, W, 3) uint8 RGB."""
    if picture.format not in FORMATS:
        raise CameraError(f"{name}: expected a known pixel format, found 0x{picture.format:08X}")
    _, depth, conversion = FORMATS[picture.format]
    shape = (picture.height, picture.width) if depth == 1 else (picture.height, picture.width, depth)
    pixels = picture.data[: np.prod(shape)].reshape(shape)
    return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
