"""Real cameras on loopback: an RTSP server by GStreamer, a GigE Vision camera by Aravis; without them, tests skip."""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import time_bars  # noqa: E402 - the cameras' programs, and this file, find it here

DEBIANS_PYTHON = "/usr/bin/python3"
HAS_RTSP = (
    "import numpy, gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); "
)
HAS_RTSP += "assert Gst.ElementFactory.find('x264enc')"


@pytest.fixture
def started() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a camera's program; it serves when this returns, and is gone when the test ends."""
    with ExitStack() as running:

        def start(*command: Any) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            running.callback(end, process)
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            return process

        yield start


@pytest.fixture
def painted_ms() -> Callable[..., int]:
    """When a test camera painted a picture, in ms of the monotonic clock."""
    return time_bars.painted_ms


@pytest.fixture
def rtsp(started: Callable[..., Any], unused_port: int) -> Callable[..., Any]:
    """Start an RTSP camera, `locked` or not: its process and its address without the scheme."""
    if subprocess.run([DEBIANS_PYTHON, "-c", HAS_RTSP], capture_output=True, check=False).returncode:
        pytest.skip("no RTSP server: make cameras installs gir1.2-gst-rtsp-server-1.0 and GStreamer's plugins")

    def start(*options: str) -> tuple[Any, str]:
        process = started(DEBIANS_PYTHON, HERE / "rtsp_camera.py", "127.0.0.1", unused_port, *options)
        return process, f"127.0.0.1:{unused_port}/cam"

    return start


@pytest.fixture
def gige(started: Callable[..., Any]) -> Any:
    """A GigE Vision camera on loopback, `genicam:127.0.0.1`, Aravis-TEST01: its process."""
    try:
        ctypes.CDLL("libaravis-0.8.so.0")
    except OSError:
        pytest.skip("no GigE Vision: make cameras installs libaravis-0.8-0")
    return started(sys.executable, HERE / "gige_camera.py", "lo", "TEST01")


def end(process: "subprocess.Popen[str]") -> None:
    """SIGKILL."""
    process.kill()
    process.communicate()
