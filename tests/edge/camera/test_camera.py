import os
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.camera import Camera, Ended
from edge.camera.frames import Frame, FrameWriter, shared_memory_folder
from edge.config import CameraConfig
from edge.errors import CameraError

SOON_S = 10.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three small pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, 4):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), number * 10, np.uint8))
    return folder


def test_a_recording_comes_frame_by_frame_and_then_ends(pictures: Path) -> None:
    """Frames with rising numbers and times of this host's clock, then Ended."""
    before_ns = time.monotonic_ns()
    with Camera(CameraConfig(source=str(pictures), fps=5, stall_s=1)) as camera:
        frames = until_ended(camera)

    assert [frame.counter for frame in frames] == [1, 2, 3]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 30]
    assert before_ns < frames[0].captured_ns < frames[1].captured_ns < time.monotonic_ns()


def test_nothing_is_left_in_memory(pictures: Path) -> None:
    """After the end neither the frames nor the process are there."""
    before = set(shared_memory_folder().glob(f"sortline-{os.getpid()}-*"))
    with Camera(CameraConfig(source=str(pictures), loop=True)) as camera:
        first(camera)
        process = camera._process
        assert process is not None
        assert set(shared_memory_folder().glob(f"sortline-{os.getpid()}-*")) - before

    assert process.poll() is not None
    assert set(shared_memory_folder().glob(f"sortline-{os.getpid()}-*")) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/video97", "/dev/video97: expected a camera, found no such device"),
        ("none.mp4", "none.mp4: expected a dev"),
    ],
)
def test_a_camera_that_is_not_there_says_so(name: str, said: str) -> None:
    """What the camera process found wrong is what the daemon hears."""
    with Camera(CameraConfig(source=name)) as camera, pytest.raises(CameraError, match=said) as lost:
        first(camera)

    assert lost.value.exit_status == 69


def test_a_broken_picture_is_a_camera_error(pictures: Path) -> None:
    """The error names the file that ended the recording."""
    (pictures / "2.png").write_bytes(b"broken")

    with (
        Camera(CameraConfig(source=str(pictures), fps=20)) as camera,
        pytest.raises(CameraError, match=r"2\.png: expected"),
    ):
        until_ended(camera)


def test_a_picture_of_another_size_is_a_camera_error(pictures: Path) -> None:
    """Geometry in millimetres holds for one size of frames."""
    cv2.imwrite(str(pictures / "2.png"), np.zeros((50, 64, 3), np.uint8))

    with (
        Camera(CameraConfig(source=str(pictures), fps=20)) as camera,
        pytest.raises(CameraError, match="expected frames of 64x48 pixels like the first, found 64x50"),
    ):
        until_ended(camera)


def test_a_killed_camera_process_is_an_error_and_can_be_started_again(pictures: Path) -> None:
    """SIGKILL from outside: one error, and after stop and start frames come again."""
    with Camera(CameraConfig(source=str(pictures), loop=True)) as camera:
        first(camera)
        assert camera._process is not None
        camera._process.kill()
        with pytest.raises(CameraError, match="the camera process ended with -9"):
            until_ended(camera)
        camera.stop()
        assert not camera.running

        camera.start()

        assert first(camera).image.shape == (48, 64, 3)
        assert camera.running


def test_an_error_can_be_heard_twice(pictures: Path) -> None:
    """Asked again, a dead camera says the same, and it can still be stopped."""
    (pictures / "1.png").write_bytes(b"broken")

    with Camera(CameraConfig(source=str(pictures))) as camera:
        for _ in range(2):
            with pytest.raises(CameraError, match=r"1\.png: expected"):
                first(camera)


def test_a_stalled_camera_is_an_error(pictures: Path) -> None:
    """A process that hangs (SIGSTOP) is noticed after stall_s, and stop ends it all the same."""
    with Camera(CameraConfig(source=str(pictures), loop=True, stall_s=0.3)) as camera:
        first(camera)
        assert camera._process is not None
        camera._process.send_signal(signal.SIGSTOP)

        with pytest.raises(CameraError, match=r"expected a frame, found none for 0\.\d s"):
            until_ended(camera)


def test_what_a_killed_daemon_left_in_memory_is_removed(pictures: Path) -> None:
    """Killed with its camera, it could not: the next start takes away what belongs to no running process."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = shared_memory_folder() / f"sortline-{gone.pid}-1.frames"
    other = shared_memory_folder() / f"sortline-{os.getppid()}-1.frames"
    left.touch()
    other.touch()

    with Camera(CameraConfig(source=str(pictures), loop=True)):
        found = left.exists(), other.exists()

    other.unlink()
    assert found == (False, True)


def test_a_camera_that_complains_a_lot_goes_on(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder's flood of warnings fills no pipe: frames keep coming, and the last words are kept."""
    monkeypatch.setenv("PYTHONVERBOSE", "1")  # some 300 kB on standard error

    with Camera(CameraConfig(source=str(pictures), fps=20, stall_s=5)) as camera:
        assert first(camera).counter >= 1


def test_frames_of_another_process_are_read(tmp_path: Path) -> None:
    """`frames:PATH` attaches to a writer, and follows its restart."""
    path = tmp_path / "belt.frames"
    with Camera(CameraConfig(source=f"frames:{path}", stall_s=0.2)) as camera:
        with FrameWriter(path, 64, 48) as writer:
            writer.write(np.full((48, 64, 3), 1, np.uint8), time.monotonic_ns())
            assert first(camera).image.max() == 1
        with pytest.raises(CameraError, match="expected a frame"):
            until_ended(camera)
        camera.stop()

        with FrameWriter(path, 64, 48) as writer:
            camera.start()
            writer.write(np.full((48, 64, 3), 2, np.uint8), time.monotonic_ns())
            assert first(camera).image.max() == 2


def test_a_camera_that_opened_slowly_has_its_time_for_the_first_frame(tmp_path: Path) -> None:
    """What it took to open does not count as silence."""
    path = tmp_path / "belt.frames"
    with Camera(CameraConfig(source=f"frames:{path}", stall_s=0.2)) as camera:
        assert camera.newest(0.3) is None
        with FrameWriter(path, 64, 48) as writer:
            assert camera.newest(0.05) is None

            writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())

            assert first(camera).counter == 1


def test_a_camera_process_shows_no_password(unused_port: int) -> None:
    """Every user may read a command line."""
    with Camera(CameraConfig(source=f"http://me:secret@127.0.0.1:{unused_port}/")) as camera:
        assert camera._process is not None
        told = Path(f"/proc/{camera._process.pid}/cmdline").read_bytes()

    assert b"edge.camera.sources" in told
    assert b"secret" not in told


def test_what_a_dead_writer_left_is_no_frame(tmp_path: Path) -> None:
    """A stale file is a silent camera, not a picture of the belt."""
    path = tmp_path / "belt.frames"
    writer = FrameWriter(path, 64, 48)
    writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns() - 10**9)

    with Camera(CameraConfig(source=f"frames:{path}", stall_s=0.3)) as camera:
        assert camera.newest(0.05) is None
        with pytest.raises(CameraError, match="expected a frame, found none"):
            until_ended(camera)
    writer.close()


def test_a_camera_that_comes_back_with_other_frames_is_refused(tmp_path: Path) -> None:
    """After a restart the picture must have the size that the geometry was measured in."""
    path = tmp_path / "belt.frames"
    with Camera(CameraConfig(source=f"frames:{path}")) as camera:
        for width in (64, 80):
            with FrameWriter(path, width, 48) as writer:
                writer.write(np.zeros((48, width, 3), np.uint8), time.monotonic_ns())
                if width == 64:
                    first(camera)
                    camera.stop()
                    camera.start()
                    continue
                with pytest.raises(
                    CameraError, match=r"expected frames of \(64, 48\) pixels as before, found \(80, 48\)"
                ):
                    first(camera)


def test_a_daemon_that_was_held_up_blames_no_camera(tmp_path: Path) -> None:
    """What passed while nobody asked is not the camera's silence."""
    path = tmp_path / "belt.frames"
    with FrameWriter(path, 64, 48) as writer, Camera(CameraConfig(source=f"frames:{path}", stall_s=0.2)) as camera:
        writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())
        first(camera)

        time.sleep(0.5)

        assert camera.newest(0.05) is None
        writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())
        assert first(camera).counter == 2


def test_a_triggered_camera_may_be_silent_while_it_answers(tmp_path: Path) -> None:
    """Beats stand for frames where nothing triggers one; without them it is a stall."""
    path = tmp_path / "belt.frames"
    config = CameraConfig(source=f"frames:{path}", stall_s=0.2, trigger="Line0")
    with FrameWriter(path, 64, 48) as writer, Camera(config) as camera:
        writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())
        first(camera)

        for _ in range(10):
            writer.beat(time.monotonic_ns())
            assert camera.newest(0.05) is None
        with pytest.raises(CameraError, match="expected a frame, found none"):
            until_ended(camera)


def test_what_is_wrong_with_the_pictures_is_a_problem_until_a_new_start(tmp_path: Path) -> None:
    """Three black pictures: `camera-black`; the same picture again and again: `camera-frozen`; a start forgets both."""
    path = tmp_path / "belt.frames"
    with FrameWriter(path, 64, 48) as writer, Camera(CameraConfig(source=f"frames:{path}")) as camera:
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())
            first(camera)

        assert camera.problems == ("camera-frozen", "camera-black")
        camera.stop()
        camera.start()
        assert camera.problems == ()


def test_a_size_that_was_not_asked_for_is_refused(pictures: Path) -> None:
    """The belt's millimetres hold for the configured size."""
    config = CameraConfig(source=str(pictures), width=128, height=96)

    with (
        Camera(config) as camera,
        pytest.raises(CameraError, match="frames of 128x96 pixels as configured, found 64x48"),
    ):
        first(camera)


def test_attempts_to_start_are_spaced_out_until_frames_are_steady(tmp_path: Path) -> None:
    """The pause doubles up to half a second, and is short again after a hundred frames."""
    path = tmp_path / "belt.frames"
    camera = Camera(CameraConfig(source=f"frames:{path}"))

    pauses = []
    for _ in range(5):
        camera.start()
        pauses.append(camera.pause_s)
        camera.stop()
    with FrameWriter(path, 64, 48) as writer, camera:
        for _ in range(100):
            writer.write(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())
        first(camera)

        assert pauses == [0.2, 0.4, 0.5, 0.5, 0.5]
        assert camera.pause_s == 0.1


def first(camera: Camera) -> Frame:
    """The next frame."""
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        if frame := camera.newest(0.2):
            return frame
    pytest.fail(f"no frame within {SOON_S} s")


def until_ended(camera: Camera) -> list[Frame]:
    """All frames to the end of the recording."""
    frames: list[Frame] = []
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        try:
            if frame := camera.newest(0.2):
                frames.append(frame)
        except Ended:
            return frames
    pytest.fail(f"no end within {SOON_S} s")
