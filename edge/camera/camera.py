"""The camera, in a process of its own: a driver that hangs is killed and started again, and the daemon lives on."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Self

import msgspec

from edge.camera.frames import Frame, FrameReader, shared_memory_folder
from edge.camera.pace import Pace
from edge.camera.picture_health import PictureHealth
from edge.camera.sources.shot import is_live, public_name, stall_s
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.preprocess import Image

SHARED_PREFIX = "frames:"
START_S = 10.0
"""A network camera answers within this time or it is not there."""
POLL_S = 0.005
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.5
"""Between attempts to start a camera, doubled each time: with 2 s to open, frames are back 3 s after it is."""
STEADY_FRAMES = 100
"""A camera that delivered so many is no longer one that only tries."""


class Ended(Exception):
    """The source was finite and has been played to its end."""


class Camera:
    """The daemon's end of a camera process, or of another process that writes frames (`frames:PATH`)."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._ears: list[threading.Thread] = []
        self._said: deque[bytes] = deque(maxlen=1)
        self._settings: deque[bytes] = deque(maxlen=8)
        self._reader: FrameReader | None = None
        self._size: tuple[int, int] | None = None
        self._silent_s, self._running, self._failures = 0.0, False, 0
        self._stall_s = stall_s(config)
        self._foreign = config.source.startswith(SHARED_PREFIX)
        own = shared_memory_folder() / f"sortline-{os.getpid()}-{id(self):x}.frames"
        self._name = public_name(config.source)
        self._path = Path(config.source.removeprefix(SHARED_PREFIX)) if self._foreign else own
        live = is_live(config.source)
        self._health = PictureHealth(may_repeat=not (live or self._foreign))
        self._unjudged: Image | None = None
        self._pace = Pace(config.fps) if live and not config.trigger else None

    @property
    def running(self) -> bool:
        """Started and not stopped since."""
        return self._running

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with a camera that delivers, in stable words: settings it did not take, its rate, its pictures.

        Of this start; the words begin with `camera-`. The newest picture is looked at now: no decision waits for that.
        """
        self._judge()
        settings = tuple(line.decode(errors="replace").strip() for line in tuple(self._settings))
        return settings + (self._pace.problems if self._pace else ()) + self._health.problems

    @property
    def pause_s(self) -> float:
        """How long to leave the camera alone before it is started again: more after each start that came to nothing."""
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** min(self._failures, 10)))

    def start(self) -> None:
        """Start the camera process; frames, or what went wrong, come from `newest`."""
        self._silent_s, self._running = 0.0, True
        self._failures += 1
        self._unjudged = None
        self._health.forget()
        if self._pace:
            self._pace.restart()
        if not self._foreign:
            _remove_leftovers(self._path.parent)
            self._process = self._spawn()

    def newest(self, timeout_s: float) -> Frame | None:
        """The newest unread frame, or None when there is none after `timeout_s`.

        Raises CameraError when the camera says why, died, or was silent too long; Ended after a recording's last frame.
        """
        self._judge()
        began_s = time.monotonic()
        patience_s = min(timeout_s, max(0.0, self._limit_s - self._silent_s))
        if frame := self._look(began_s + patience_s):
            self._note(frame)
            return frame
        self._raise_if_dead()
        # Only what was waited here is the camera's silence: who asks may have been held up himself.
        self._silent_s += min(patience_s, time.monotonic() - began_s)
        self._raise_if_silent()
        return None

    def stop(self) -> None:
        """Kill the camera process: it has nothing to save."""
        self._reader, self._running = None, False
        if self._process:
            self._process.kill()
            self._last_words(self._process)
            self._process = None
            self._path.unlink(missing_ok=True)

    @property
    def _limit_s(self) -> float:
        return self._stall_s if self._reader else START_S

    def _look(self, deadline: float) -> Frame | None:
        while self._reader is None and time.monotonic() < deadline:
            self._raise_if_dead()
            self._attach()
        return self._fresh(self._reader.newest(max(0.0, deadline - time.monotonic()))) if self._reader else None

    def _note(self, frame: Frame) -> None:
        self._silent_s = 0.0
        self._failures = 0 if frame.counter >= STEADY_FRAMES else self._failures
        self._unjudged = frame.image
        if self._pace:
            self._pace.note(frame.counter, frame.captured_ns)

    def _judge(self) -> None:
        if self._unjudged is not None:
            self._health.look(self._unjudged)
            self._unjudged = None

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.camera.sources", str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the daemon: it still needs frames while it leaves
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as settings:  # its last words say why it is gone
            settings.write(msgspec.json.encode(self._config))
        # A decoder complains about every damaged packet: a pipe that nobody empties fills up and stops the camera.
        self._ears = [
            _listen("camera-words", process.stderr, self._said),
            _listen("camera-settings", process.stdout, self._settings),
        ]
        return process

    def _last_words(self, process: "subprocess.Popen[bytes]") -> str:
        process.wait()
        for ear in self._ears:
            ear.join()
        return public_name(self._said[0].decode(errors="replace").strip()) if self._said else ""

    def _attach(self) -> None:
        if not self._path.exists():
            time.sleep(POLL_S)
            return
        reader = FrameReader(self._path)
        size = (reader.width, reader.height)
        if size != (self._size or size):
            raise CameraError(f"{self._name}: expected frames of {self._size} pixels as before, found {size}")
        self._reader, self._size = reader, size
        self._silent_s = 0.0  # what it took to open is no silence: its first frame is on its way

    def _fresh(self, frame: Frame | None) -> Frame | None:
        """Not what a writer that is gone left in the file."""
        return frame if frame and time.monotonic_ns() - frame.captured_ns <= self._stall_s * 1e9 else None

    def _raise_if_dead(self) -> None:
        if self._process is None or (status := self._process.poll()) is None:
            return
        if status == 0:
            raise Ended
        said = self._last_words(self._process)
        raise CameraError(said or f"{self._name}: the camera process ended with {status}")

    def _raise_if_silent(self) -> None:
        if self._config.trigger and self._reader and time.monotonic_ns() - self._reader.beat_ns < self._stall_s * 1e9:
            self._silent_s = 0.0  # it waits for its trigger, and answers
        if self._silent_s >= self._limit_s:
            raise CameraError(f"{self._name}: expected a frame, found none for {self._silent_s:.1f} s")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _remove_leftovers(folder: Path) -> None:
    """Frames of daemons that were killed together with their cameras: they would fill the memory."""
    for path in folder.glob("sortline-*.frames"):
        owner = re.match(r"sortline-(\d+)-", path.name)
        if owner and not Path("/proc", owner[1]).exists():
            with contextlib.suppress(OSError):
                path.unlink()


def _listen(name: str, pipe: IO[bytes] | None, kept: "deque[bytes]") -> threading.Thread:
    """Keep a pipe's last lines, until it is closed."""
    assert pipe is not None
    kept.clear()
    ear = threading.Thread(target=_keep_last, args=(pipe, kept), name=name, daemon=True)
    ear.start()
    return ear


def _keep_last(lines: IO[bytes], kept: "deque[bytes]") -> None:
    with lines:
        kept.extend(line for line in lines if line.strip())
