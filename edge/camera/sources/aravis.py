"""GigE Vision and USB3 Vision by Aravis, through its C interface.

Its Python bindings come only for the distribution's own Python, and no wheel of them exists for arm64; the library
itself is Debian's libaravis-0.8-0, and its interface has been the same since 2020.
"""

import ctypes
import time
from ctypes import byref, c_char_p, c_double, c_int, c_size_t, c_uint, c_uint64, c_void_p
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraError

LIBRARY, PACKAGE = "libaravis-0.8.so.0", "libaravis-0.8-0"
BUFFERS = 4
AUTO_OFF = 0
"""ARV_AUTO_OFF"""
HEARTBEAT_REGISTER, HEARTBEAT_MS = 0x0938, 1500
"""GigE Vision: a camera whose process was killed is free again after so long, instead of 3 s; Aravis says "here" every
second."""
COMPLETE = 0
"""ARV_BUFFER_STATUS_SUCCESS: every packet arrived."""


class _Error(ctypes.Structure):
    """GLib's GError."""

    _fields_ = (("domain", c_uint), ("code", c_int), ("message", c_char_p))


class RawPicture(NamedTuple):
    """A picture as the camera sends it."""

    data: NDArray[np.uint8]
    """Its bytes, copied."""
    width: int
    height: int
    format: int
    """Its code in the Pixel Format Naming Convention (PFNC)."""
    captured_ns: int
    """`time.monotonic_ns()` of this host when its first packet arrived."""


class Device:
    """One camera, controlled by this process alone. Every method raises CameraError."""

    def __init__(self, name: str) -> None:
        """Open the camera of this name ("Aravis-EDGE01": vendor and serial number), serial number or address."""
        self.name = f"genicam:{name}"
        self._library = _load(self.name)
        self._camera = self._open(name)
        self._device = c_void_p(self._plain("arv_camera_get_device", self._camera, gives=c_void_p))
        self._stream: c_void_p | None = None
        if self._plain("arv_camera_is_gv_device", self._camera):
            self._take()

    def has(self, feature: str) -> bool:
        """Whether the camera has such a feature, and it can be used now."""
        return bool(self._ask("arv_camera_is_feature_available", self._camera, feature.encode()))

    def get(self, feature: str) -> str:
        """The value of a GenICam feature that is a text or an enumeration."""
        return _text(self._ask("arv_camera_get_string", self._camera, feature.encode(), gives=c_char_p))

    def set(self, feature: str, value: str) -> None:
        """Set such a feature."""
        self._ask("arv_camera_set_string", self._camera, feature.encode(), value.encode())

    def formats(self) -> list[str]:
        """The pixel formats that it can send now."""
        count = c_uint()
        names = self._ask(
            "arv_camera_dup_available_pixel_formats_as_strings",
            self._camera,
            byref(count),
            gives=ctypes.POINTER(c_char_p),
        )
        return [_text(names[number]) for number in range(count.value)]

    def region(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        x, y, width, height = c_int(), c_int(), c_int(), c_int()
        self._ask("arv_camera_get_region", self._camera, byref(x), byref(y), byref(width), byref(height))
        return width.value, height.value

    def set_region(self, width: int, height: int) -> None:
        """Of the sensor's upper left."""
        self._ask("arv_camera_set_region", self._camera, 0, 0, width, height)

    @property
    def frame_rate(self) -> float:
        """Pictures a second."""
        return float(self._ask("arv_camera_get_frame_rate", self._camera, gives=c_double))

    @frame_rate.setter
    def frame_rate(self, fps: float) -> None:
        self._ask("arv_camera_set_frame_rate", self._camera, c_double(fps))

    @property
    def exposure_us(self) -> float:
        """Microseconds."""
        return float(self._ask("arv_camera_get_exposure_time", self._camera, gives=c_double))

    @exposure_us.setter
    def exposure_us(self, microseconds: float) -> None:
        if self._ask("arv_camera_is_exposure_auto_available", self._camera):
            self._ask("arv_camera_set_exposure_time_auto", self._camera, AUTO_OFF)
        self._ask("arv_camera_set_exposure_time", self._camera, c_double(microseconds))

    @property
    def trigger(self) -> str:
        """What starts an exposure."""
        return _text(self._ask("arv_camera_get_trigger_source", self._camera, gives=c_char_p))

    @trigger.setter
    def trigger(self, source: str) -> None:
        self._ask("arv_camera_set_trigger", self._camera, source.encode())

    def run_free(self) -> None:
        """No trigger: as fast as the frame rate says."""
        self._ask("arv_camera_clear_triggers", self._camera)

    def stop(self) -> None:
        """No pictures: one whose last program was killed may still send to it, and keep its settings locked."""
        self._ask("arv_camera_stop_acquisition", self._camera)

    def start(self) -> None:
        """Let pictures come."""
        payload = self._ask("arv_camera_get_payload", self._camera, gives=c_uint)
        self._stream = c_void_p(self._ask("arv_camera_create_stream", self._camera, None, None, gives=c_void_p))
        for _ in range(BUFFERS):
            self._give_back(c_void_p(self._plain("arv_buffer_new", c_size_t(payload), None, gives=c_void_p)))
        self._ask("arv_camera_start_acquisition", self._camera)

    def newest(self, timeout_s: float) -> RawPicture | None:
        """The newest whole picture; None when none comes in time."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            buffer = self._plain(
                "arv_stream_timeout_pop_buffer", self._stream, c_uint64(int(left_s * 1e6)), gives=c_void_p
            )
            while buffer and (newer := self._plain("arv_stream_try_pop_buffer", self._stream, gives=c_void_p)):
                self._give_back(c_void_p(buffer))
                buffer = newer
            if buffer and (picture := self._picture(c_void_p(buffer))):
                return picture
        return None

    def require_alive(self) -> None:
        """Raise CameraError when it does not answer, or is no longer ours: reads its first register."""
        self._ask(
            "arv_device_read_memory",
            self._device,
            c_uint64(0),
            c_uint(4),
            ctypes.create_string_buffer(4),
        )

    def close(self) -> None:
        """Stop it and give it free for others; one that no longer answers is left alone."""
        for part in (self._stream, self._camera):
            if part:
                self._plain("g_object_unref", part, gives=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, name: str) -> c_void_p:
        try:
            return c_void_p(self._ask("arv_camera_new", name.encode(), gives=c_void_p))
        except CameraError as error:
            # Also a serial number alone is a name; and whoever mistyped it wants to know what is there.
            found = self._found()
            for names in found:
                if name in names:
                    return c_void_p(self._ask("arv_camera_new", names[0].encode(), gives=c_void_p))
            there = ", ".join(device for device, _, _ in found) or "no camera at all"
            raise CameraError(f"{error}; on the network and on USB: {there}") from None

    def _take(self) -> None:
        """A GigE camera can be opened by many and obeys one."""
        if not self._plain("arv_gv_device_is_controller", self._device):
            self.close()
            raise CameraError(f"{self.name}: expected a camera that is free, found one that another program controls")
        self._ask("arv_device_write_register", self._device, c_uint64(HEARTBEAT_REGISTER), c_uint(HEARTBEAT_MS))

    def _found(self) -> list[tuple[str, str, str]]:
        """Name, serial number and address of every camera that answers now."""
        self._plain("arv_update_device_list", gives=None)
        count = self._plain("arv_get_n_devices", gives=c_uint)
        return [
            (self._told("id", one), self._told("serial_nbr", one), self._told("address", one)) for one in range(count)
        ]

    def _told(self, what: str, number: int) -> str:
        return _text(self._plain(f"arv_get_device_{what}", c_uint(number), gives=c_char_p))

    def _picture(self, buffer: c_void_p) -> RawPicture | None:
        try:
            if self._plain("arv_buffer_get_status", buffer) != COMPLETE:
                return None
            size = c_size_t()
            address = self._plain("arv_buffer_get_image_data", buffer, byref(size), gives=c_void_p)
            return RawPicture(
                np.ctypeslib.as_array((ctypes.c_uint8 * size.value).from_address(address)).copy(),
                self._plain("arv_buffer_get_image_width", buffer),
                self._plain("arv_buffer_get_image_height", buffer),
                self._plain("arv_buffer_get_image_pixel_format", buffer, gives=c_uint),
                _monotonic_ns(self._plain("arv_buffer_get_system_timestamp", buffer, gives=c_uint64)),
            )
        finally:
            self._give_back(buffer)

    def _give_back(self, buffer: c_void_p) -> None:
        self._plain("arv_stream_push_buffer", self._stream, buffer, gives=None)

    def _plain(self, name: str, *arguments: Any, gives: Any = c_int) -> Any:
        function = getattr(self._library, name)
        function.restype = gives
        return function(*arguments)

    def _ask(self, name: str, *arguments: Any, gives: Any = c_int) -> Any:
        """A function that may fail."""
        error = ctypes.POINTER(_Error)()
        answer = self._plain(name, *arguments, byref(error), gives=gives)
        if error:
            message = _text(error.contents.message)
            self._plain("g_error_free", error, gives=None)
            raise CameraError(f"{self.name}: expected a camera that answers, found: {message}")
        return answer


@cache
def _load(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        raise CameraError(f"{name}: expected the library {LIBRARY}, found none; apt-get install {PACKAGE}") from None


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _monotonic_ns(real_ns: int) -> int:
    """The library stamps with the wall clock, microseconds ago: a step of that clock since then is unlikely."""
    return min(time.monotonic_ns(), time.monotonic_ns() - (time.time_ns() - real_ns))
