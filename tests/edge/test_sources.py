import itertools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import CameraConfig
from edge.errors import CameraError, SortlineError
from edge.preprocess import Image
from edge.sources import open_source

WIDTH, HEIGHT = 96, 64


class Mjpeg(BaseHTTPRequestHandler):
    """A network camera of the simplest kind: JPEGs in a multipart answer; /short ends, /held pauses."""

    def do_GET(self) -> None:
        """Answer with pictures."""
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
    with pytest.raises(CameraError, match=f"^http://127.0.0.1:{unused_port}/: expected a camera"):
        next(source(f"http://me:secret@127.0.0.1:{unused_port}/"))


def test_a_network_camera_that_is_not_there_is_named(unused_port: int) -> None:
    """A refused connection is one line with the address."""
    with pytest.raises(CameraError, match=f"http://127.0.0.1:{unused_port}/: expected a camera or video"):
        next(source(f"http://127.0.0.1:{unused_port}/"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/video97", "/dev/video97: expected a camera, found no such device"),
        ("nowhere.mp4", "nowhere.mp4: expected a device, URL, video file or folder of pictures, found none of them"),
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

    with pytest.raises(CameraError, match=r"a\.mp4: expected a camera or video that OpenCV can read"):
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
    return open_source(CameraConfig(source=str(name), fps=fps, loop=loop))


def part(red: int) -> bytes:
    """One picture of a multipart answer."""
    jpeg = cv2.imencode(".jpg", picture(red))[1].tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)


def picture(red: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8, BGR, plain."""
    return np.broadcast_to(np.array([200, 20, red], np.uint8), (HEIGHT, WIDTH, 3)).copy()
