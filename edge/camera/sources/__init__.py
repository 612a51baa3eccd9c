"""Where frames come from: one module per kind of source, each a generator of shots; run as a process, it writes them.

`/dev/…` a V4L2 device, `scheme://…` a network stream, `genicam:NAME` a GigE Vision or USB3 Vision camera, else a video
file or a folder of pictures.
"""

from collections.abc import Iterator
from pathlib import Path

from edge.camera.sources.files import play_folder, play_recording
from edge.camera.sources.genicam import GENICAM_PREFIX, watch_genicam
from edge.camera.sources.shot import Say, Shot, Silence, is_live, public_name, stall_s
from edge.camera.sources.streams import watch_stream
from edge.camera.sources.v4l2 import DEVICE_PREFIX, watch_device
from edge.config import CameraConfig
from edge.errors import CameraError

__all__ = ["Shot", "Silence", "is_live", "open_source", "public_name", "stall_s"]


def open_source(config: CameraConfig, say: Say) -> Iterator[Shot | Silence]:
    """The pictures of a source, each as it comes, all of one size.

    `say` gets one line for every setting that the camera did not take. Raises CameraError.
    """
    source, path = config.source, Path(config.source)
    _require_takers(config)
    if source.startswith(GENICAM_PREFIX):
        return watch_genicam(config, say)
    if source.startswith(DEVICE_PREFIX):
        return watch_device(config, say)
    if "://" in source:
        return watch_stream(config)
    if path.is_dir():
        return play_folder(config)
    if path.is_file():
        return play_recording(config)
    raise CameraError(
        f"{source}: expected a device, URL, genicam:NAME, video file or folder of pictures, found none of them"
    )


def _require_takers(config: CameraConfig) -> None:
    """A setting that nobody takes would be believed to hold."""
    takers = {"trigger": (GENICAM_PREFIX,)} | dict.fromkeys(
        ("pixel_format", "exposure_us", "white_balance"), (GENICAM_PREFIX, DEVICE_PREFIX)
    )
    for key, kinds in takers.items():
        if getattr(config, key) and not config.source.startswith(kinds):
            raise CameraError(
                f"{public_name(config.source)}: expected no {key} in [camera], found {getattr(config, key)!r}; only "
                f"sources that begin with {' or '.join(kinds)} take it"
            )
