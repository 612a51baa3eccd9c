import itertools
import os
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.camera.sources import Shot, is_live, open_source, public_name
from edge.camera.sources.v4l2 import ask_device
from edge.config import CameraConfig
from edge.errors import CameraError, SortlineError
from edge.preprocess import Image

WIDTH, HEIGHT = 96, 64


class Mjpeg(BaseHTTPRequestHandler):
    """A network camera of the simplest kind: JPEGs in a multipart answer; /short ends, /held pauses."""

    def do_GET(self) -> None:
        """Answer with pictures."""
        if (
            self.path.startswith("/locked")
            and self.headers["Authorization"] != f"Basic {b64encode(b'me:secret').decode()}"
        ):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        if self.path.startswith("/page"):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>")
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            if self.path.startswith("/held"):
                self._hold_up()
            for _ in range(3 if self.path.startswith("/short") else 500):
                self.wfile.write(part(120))
        except OSError:
            return

    def _hold_up(self) -> None:
        """Ten pictures at their times, ten late ones at once, then ten at their times."""
        for red in (*[40] * 10, None, *[160] * 10, *[240] * 10):
            time.sleep(0.08 if red != 160 else 0)
            if red is None:
                time.sleep(0.8)
            else:
                self.wfile.write(part(red))

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture(autouse=True)
def _no_options_of_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera process has one source; here, what one of them asks of FFmpeg must not reach the next."""
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)


@pytest.fixture
def network_camera() -> Iterator[str]:
    """Address of a small MJPEG server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mjpeg) as server:
        threading.Thread(target=server.serve_forever, name="mjpeg", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_folder_is_played_in_the_order_of_names(tmp_path: Path) -> None:
    """Every picture once, as RGB, by name; other files are left alone."""
    for name, value in (("b.png", 20), ("a.png", 10), ("c.jpg", 30)):
        cv2.imwrite(str(tmp_path / name), picture(value))
    (tmp_path / "readme.txt").write_text("no picture")

    images = list(source(tmp_path))

    assert [round(float(image[:, :, 0].mean())) for image in images] == [10, 20, 30]
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    assert images[0][0, 0].tolist() == [10, 20, 200]


def test_a_loop_begins_again(tmp_path: Path) -> None:
    """With `loop`, the first picture follows the last."""
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture(ord(name)))

    images = itertools.islice(source(tmp_path, loop=True), 5)

    assert [int(image[0, 0, 0]) for image in images] == [97, 98, 97, 98, 97]


def test_a_video_is_played_to_its_end(video: Callable[..., Path]) -> None:
    """All of its frames, as RGB."""
    path = video([10, 60, 110])

    images = list(source(path))

    assert [round(float(image[:, :, 0].mean()), -1) for image in images] == [10, 60, 110]
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    assert images[0][HEIGHT // 2, WIDTH // 2, 2] > 150


def test_a_video_can_be_looped(video: Callable[..., Path]) -> None:
    """With `loop`, it starts again."""
    path = video([10, 60])

    images = itertools.islice(source(path, loop=True), 5)

    assert [round(float(image[:, :, 0].mean()), -1) for image in images] == [10, 60, 10, 60, 10]


def test_files_are_played_at_the_pace_of_a_camera(tmp_path: Path) -> None:
    """Not faster: five pictures at 50 a second take four intervals at least."""
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    clock = threading.Event()

    started = threading.Thread(target=lambda: (list(source(tmp_path, fps=50)), clock.set()), name="player")
    started.start()

    assert not clock.wait(0.07)
    assert clock.wait(10)
    started.join()


def test_a_network_camera_is_read(network_camera: str) -> None:
    """MJPEG over HTTP, through OpenCV's FFmpeg."""
    images = list(itertools.islice(source(f"{network_camera}/video.mjpg"), 3))

    assert len(images) == 3
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    assert images[0].mean(axis=(0, 1)) == pytest.approx((120, 20, 200), abs=12)


def test_what_is_no_camera_is_named_with_what_it_answered(network_camera: str) -> None:
    """A page, a locked camera and its wrong password: one line each, and none holds the password."""
    for path, user, found in (
        ("page", "", "content of the type text/html"),
        ("locked", "", "401 Unauthorized: check user and password"),
        ("locked", "me:wrong@", "401 Unauthorized: check user and password"),
    ):
        with pytest.raises(CameraError) as refused:
            next(source(f"{network_camera.replace('//', f'//{user}')}/{path}"))

        assert str(refused.value) == f"{network_camera}/{path}: expected a camera, found {found}"
    assert next(source(f"{network_camera.replace('//', '//me:secret@')}/locked")).shape == (HEIGHT, WIDTH, 3)


def test_an_rtsp_address_that_serves_something_else_is_refused(network_camera: str) -> None:
    """The web server of another device is no camera."""
    with pytest.raises(CameraError, match=r"^rtsp://[^ ]+: expected a camera, found an answer that is no stream"):
        next(source(network_camera.replace("http", "rtsp") + "/cam"))


def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts and is silent: one line with the time that was waited, nothing hangs."""
    monkeypatch.setattr("edge.camera.sources.streams.OPEN_TIMEOUT_MS", 300)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam"

        with pytest.raises(CameraError, match=r"expected a camera, found no answer within 0\.3 s"):
            next(source(address))


@pytest.mark.parametrize("address", ["udp://127.0.0.1:9/x", "rtsp://me:pa/ss@127.0.0.1/x", "rtsp://127.0.0.1:port/x"])
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    """Another protocol, a password with a slash, a port that is no number."""
    with pytest.raises(CameraError, match=r"^(udp|rtsp)://127[^ ]*: expected") as refused:
        next(source(address))

    assert "pa/ss" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:secret@10.0.0.8:554/h264", "rtsp://10.0.0.8:554/h264"),
        ("rtsp://me:se/cr?et@x@10.0.0.8/h264", "rtsp://10.0.0.8/h264"),
        ("http://10.0.0.8/video?user=me&token=secret", "http://10.0.0.8/video?…"),
        ("open rtsp://me:secret@a/b failed, then http://c/d?token=secret", "open rtsp://a/b failed, then http://c/d?…"),
        ("http://c/d?token=se:cret: expected frames", "http://c/d?…: expected frames"),
        ("/dev/v4l/by-id/usb-camera-video-index0", "/dev/v4l/by-id/usb-camera-video-index0"),
    ],
)
def test_the_public_name_of_a_source_holds_no_secret(address: str, shown: str) -> None:
    """User, password and the values of a query are left out, also in the middle of another program's words."""
    assert public_name(address) == public_name(public_name(address)) == shown


class Obstinate:
    """OpenCV's view of a device that knows only 640x480 at 15 fps and takes no white balance."""

    def __init__(self) -> None:
        self._values = {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 15.0,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
            cv2.CAP_PROP_AUTO_WB: 1.0,
            cv2.CAP_PROP_WB_TEMPERATURE: 5200.0,
        }
        self._fixed = set(self._values)

    def set(self, prop: int, value: float) -> bool:
        """Take what is not fixed."""
        self._values[prop] = self._values[prop] if prop in self._fixed else value
        return prop not in self._fixed

    def get(self, prop: int) -> float:
        """What it is set to."""
        return self._values.get(prop, 0.0)


def test_what_a_device_does_not_take_is_said() -> None:
    """Asked and got, for each setting that was not taken; what was taken is not mentioned."""
    said: list[str] = []
    asked = CameraConfig(
        source="/dev/video0",
        fps=30,
        width=1280,
        height=480,
        pixel_format="MJPG",
        exposure_us=5000,
        white_balance="4500K",
    )

    ask_device(Obstinate(), asked, said.append)

    assert said == [
        "camera-setting: asked pixel_format MJPG, got YUYV",
        "camera-setting: asked width 1280, got 640",
        "camera-setting: asked fps 30, got 15",
        "camera-setting: asked automatic white balance 0, got 1",
        "camera-setting: asked white_balance 4500, got 5200",
    ]


def test_a_device_without_permission_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names the group."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a user who is not in it: root may open every device

    with pytest.raises(CameraError, match="/dev/null: expected a camera, found no permission; add the user to the"):
        next(source("/dev/null"))


def test_a_device_that_is_no_camera_is_refused() -> None:
    """Any other device."""
    with pytest.raises(CameraError, match="/dev/null: expected a camera, found a device that delivers no pictures"):
        next(source("/dev/null"))


@pytest.mark.parametrize(
    ("name", "setting"),
    [("rtsp://me:secret@127.0.0.1/x", {"exposure_us": 500.0}), ("/dev/video0", {"trigger": "Line0"})],
)
def test_a_setting_that_nobody_takes_is_refused(name: str, setting: dict[str, Any]) -> None:
    """A stream has no exposure to set, a V4L2 device no trigger."""
    with pytest.raises(CameraError, match=f"expected no {next(iter(setting))} in .camera., found") as refused:
        next(open_source(CameraConfig(source=name, **setting), say=pytest.fail))

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "live"), [("/dev/video0", True), ("rtsp://a/b", True), ("genicam:a", True), ("a", False)]
)
def test_cameras_are_live_and_files_are_not(name: str, live: bool) -> None:
    """A camera's silence is a fault sooner than a file's."""
    assert is_live(name) == live


def test_a_network_camera_that_ends_is_lost(network_camera: str) -> None:
    """A stream has no end: when it stops, that is a camera error."""
    with pytest.raises(CameraError, match="expected a frame, found none"):
        list(source(f"{network_camera}/short.mjpg"))


def test_what_a_pause_held_up_is_no_picture_of_now(network_camera: str) -> None:
    """The pictures that arrive together after a pause are dropped, those that follow at their times are not."""
    images = source(f"{network_camera}/held.mjpg", fps=30)

    seen = [round(float(next(images)[:, :, 0].mean()), -1) for _ in range(14)]

    assert seen.count(40) >= 9
    assert seen.count(160) == 0
    assert seen.count(240) >= 4


def test_a_password_is_no_part_of_an_error(unused_port: int) -> None:
    """Errors go to logs and to the broker: a URL is named without its user."""
    with pytest.raises(CameraError, match=f"^http://127.0.0.1:{unused_port}/\\?…: expected a camera"):
        next(source(f"http://me:secret@127.0.0.1:{unused_port}/?token=secret"))


def test_a_network_camera_that_is_not_there_is_named(unused_port: int) -> None:
    """A refused connection is one line with the address."""
    with pytest.raises(
        CameraError, match=f"http://127.0.0.1:{unused_port}/: expected a camera, found Connection refused"
    ):
        next(source(f"http://127.0.0.1:{unused_port}/"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/video97", "/dev/video97: expected a camera, found no such device"),
        (
            "nowhere.mp4",
            "nowhere.mp4: expected a device, URL, genicam:NAME, video file or folder of pictures, found none of them",
        ),
    ],
)
def test_a_source_that_is_not_there_is_named(name: str, said: str) -> None:
    """Source, expected, found."""
    with pytest.raises(CameraError, match=said):
        next(source(name))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No pictures, no frames."""
    with pytest.raises(CameraError, match=r"expected pictures .*, found none"):
        next(source(tmp_path))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    """Text is no video."""
    (tmp_path / "a.mp4").write_text("no video")

    with pytest.raises(CameraError, match=r"a\.mp4: expected a video that OpenCV can read"):
        next(source(tmp_path / "a.mp4"))


def test_a_broken_picture_ends_the_folder_with_its_name(tmp_path: Path) -> None:
    """The pictures before it come out, then the error names it."""
    cv2.imwrite(str(tmp_path / "a.png"), picture(1))
    (tmp_path / "b.png").write_bytes(b"broken")
    images = source(tmp_path)

    assert next(images).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(SortlineError, match=r"b\.png: expected a JPEG, PNG or other picture"):
        next(images)


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """A video of plain frames with these values of red."""

    def write(reds: list[int]) -> Path:
        path = tmp_path / "belt.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (WIDTH, HEIGHT))
        for red in reds:
            writer.write(picture(red))
        writer.release()
        return path

    return write


def source(name: object, *, fps: float = 1000, loop: bool = False) -> Iterator[Image]:
    """The pictures of a source."""
    for shot in open_source(CameraConfig(source=str(name), fps=fps, loop=loop), say=pytest.fail):
        assert isinstance(shot, Shot)
        assert 0 <= time.monotonic_ns() - shot.captured_ns < 10**9
        yield shot.image


def part(red: int) -> bytes:
    """One picture of a multipart answer."""
    jpeg = cv2.imencode(".jpg", picture(red))[1].tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)


def picture(red: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8, BGR, plain."""
    return np.broadcast_to(np.array([200, 20, red], np.uint8), (HEIGHT, WIDTH, 3)).copy()
