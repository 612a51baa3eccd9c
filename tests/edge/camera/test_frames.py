import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge.camera.frames import SLOTS, FrameReader, FrameWriter
from edge.errors import CameraError

WIDTH, HEIGHT = 320, 240

HAMMER = """
import sys, time
from pathlib import Path
import numpy as np
from edge.camera.frames import FrameWriter

with FrameWriter(Path(sys.argv[1]), {width}, {height}) as writer:
    for number in range(1, 1_000_000):
        writer.write(np.full(({height}, {width}, 3), number % 251, np.uint8), number)
        if number % 1000 == 0 and not Path(sys.argv[1]).exists():
            break
"""
"""Writes as fast as it can, every picture in one colour; ends when its file is taken away."""


@pytest.fixture
def hammering(tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Path]:
    """The file of another process that writes without a pause."""
    path = tmp_path / "camera.frames"
    process = subprocess.Popen([sys.executable, "-c", HAMMER.format(width=WIDTH, height=HEIGHT), str(path)])
    eventually(path.exists, timeout_s=20)
    yield path
    path.unlink()
    process.kill()
    process.wait()


def test_a_reader_gets_the_newest_frame(tmp_path: Path) -> None:
    """Of several frames that were written meanwhile, the last one comes out, with its number and its time."""
    with FrameWriter(tmp_path / "f", WIDTH, HEIGHT) as writer:
        reader = FrameReader(tmp_path / "f")
        for number in range(1, 8):
            writer.write(plain(number), captured_ns=number * 1000)

        frame = reader.newest(1)

    assert frame is not None
    assert (frame.counter, frame.captured_ns) == (7, 7000)
    assert (frame.image == 7).all()
    assert (reader.width, reader.height) == (WIDTH, HEIGHT)


def test_a_frame_is_given_out_once(tmp_path: Path) -> None:
    """Without a new frame there is none, until there is."""
    with FrameWriter(tmp_path / "f", WIDTH, HEIGHT) as writer:
        reader = FrameReader(tmp_path / "f")

        assert reader.newest(0.01) is None
        writer.write(plain(1), 1)
        assert reader.newest(1) is not None
        assert reader.newest(0.01) is None
        writer.write(plain(2), 2)
        assert reader.newest(1) is not None


def test_a_frame_wakes_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that looks for itself only every minute has it long before."""
    monkeypatch.setattr("edge.camera.frames.LONGEST_SLEEP_S", 60.0)
    with FrameWriter(tmp_path / "f", WIDTH, HEIGHT) as writer, ThreadPoolExecutor(1) as beside:
        reading = beside.submit(FrameReader(tmp_path / "f").newest, 60.0)
        time.sleep(0.5)  # it sleeps by now; were it not, it would find the frame at once
        writer.write(plain(1), 1)

        frame = reading.result(30)

    assert frame is not None
    assert frame.counter == 1


def test_a_frame_is_the_readers_own(tmp_path: Path) -> None:
    """What was handed out does not change when the writer comes round to its place again."""
    with FrameWriter(tmp_path / "f", WIDTH, HEIGHT) as writer:
        reader = FrameReader(tmp_path / "f")
        writer.write(plain(1), 1)
        frame = reader.newest(1)

        for number in range(2, 2 + 2 * SLOTS):
            writer.write(plain(number), number)

    assert frame is not None
    assert (frame.image == 1).all()


def test_no_frame_is_ever_torn(hammering: Path) -> None:
    """A writer in another process that never pauses: each frame is whole, and of the number that it says."""
    reader = FrameReader(hammering)
    frames = 0

    deadline = time.monotonic() + 10
    last = 0
    while frames < 300 and time.monotonic() < deadline:
        if frame := reader.newest(1):
            frames += 1
            assert frame.image.min() == frame.image.max() == frame.counter % 251
            assert frame.captured_ns == frame.counter > last
            last = frame.counter

    assert frames == 300


def test_the_file_goes_with_its_writer(tmp_path: Path) -> None:
    """After the end nothing lies in memory, and a reader keeps what it had mapped."""
    with FrameWriter(tmp_path / "f", WIDTH, HEIGHT) as writer:
        writer.write(plain(3), 1)
        reader = FrameReader(tmp_path / "f")

    assert list(tmp_path.iterdir()) == []
    assert reader.newest(1) is not None


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000, b"sortlin2" + b"\x10\0\0\0" * 2 + b"\0" * 8000])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty, foreign or cut file holds no frames."""
    path = tmp_path / "f"
    path.write_bytes(content)

    with pytest.raises(CameraError, match="f: expected frames in shared memory, found"):
        FrameReader(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path without a file says so."""
    with pytest.raises(CameraError, match="No such file"):
        FrameReader(tmp_path / "none")


def plain(value: int) -> np.ndarray:
    """A picture in one colour."""
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)
