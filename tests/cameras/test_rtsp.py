import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.camera.camera import Camera
from edge.camera.frames import Frame
from edge.config import CameraConfig
from edge.errors import CameraError

SOON_S = 15.0


def test_an_rtsp_camera_delivers_what_it_sees_now(rtsp: Callable[..., Any], painted_ms: Callable[..., int]) -> None:
    """Frames of the present, with rising numbers and times."""
    _, address = rtsp()

    with Camera(CameraConfig(source=f"rtsp://{address}", fps=25, stall_s=2)) as camera:
        frames = take(camera, 20)

    assert frames[0].image.shape == (480, 640, 3)
    assert [frame.counter for frame in frames] == sorted({frame.counter for frame in frames})
    ages_ms = [frame.captured_ns // 1_000_000 - painted_ms(frame.image) for frame in frames]
    assert 0 <= sorted(ages_ms)[len(ages_ms) // 2] < 1000


def test_an_rtsp_camera_that_was_killed_comes_back(rtsp: Callable[..., Any], painted_ms: Callable[..., int]) -> None:
    """Lost with an error, refused while it is away, and again frames of the present on its return."""
    process, address = rtsp()
    with Camera(CameraConfig(source=f"rtsp://{address}", fps=25, stall_s=1)) as camera:
        take(camera, 5)
        process.kill()
        process.wait()

        with pytest.raises(CameraError):
            take(camera, 1000)
        camera.stop()
        camera.start()
        with pytest.raises(CameraError, match="expected a camera, found Connection refused"):
            take(camera, 1)
        camera.stop()
        rtsp()
        returned_ms = time.monotonic_ns() // 1_000_000
        camera.start()

        assert all(painted_ms(frame.image) >= returned_ms for frame in take(camera, 5))


def test_a_locked_rtsp_camera_wants_its_password_and_nobody_sees_it(rtsp: Callable[..., Any]) -> None:
    """With it there are frames; without it, or with a wrong one, one line that holds none."""
    _, address = rtsp("locked")

    for user in ("", "me:wrong@"):
        with Camera(CameraConfig(source=f"rtsp://{user}{address}")) as camera, pytest.raises(CameraError) as refused:
            take(camera, 1)
        assert str(refused.value) == (
            f"rtsp://{address}: expected a camera, found method DESCRIBE failed: 401 (Unauthorized): "
            "check user and password"
        )
    with Camera(CameraConfig(source=f"rtsp://me:secret@{address}", stall_s=2)) as camera:
        assert take(camera, 1)


def test_a_path_that_the_camera_does_not_know_is_said(rtsp: Callable[..., Any]) -> None:
    """404, as the camera says."""
    _, address = rtsp()
    source = str(Path(address).with_name("other"))

    with (
        Camera(CameraConfig(source=f"rtsp://{source}")) as camera,
        pytest.raises(CameraError, match=r"404 \(Not Found\)"),
    ):
        take(camera, 1)


def take(camera: Camera, count: int) -> list[Frame]:
    """So many frames."""
    frames: list[Frame] = []
    deadline = time.monotonic() + SOON_S
    while len(frames) < count:
        assert time.monotonic() < deadline, f"{len(frames)} of {count} frames within {SOON_S} s"
        if frame := camera.newest(0.1):
            frames.append(frame)
    return frames
