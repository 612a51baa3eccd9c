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

from edge.config import CameraConfig
from edge.errors import CameraError
from edge.frames import Frame, FrameReader, shared_memory_folder
from edge.sources import public_name

SHARED_PREFIX = "frames:"
START_S = 10.0
"""A network camera answers within this time or it is not there."""
POLL_S = 0.005


class Ended(Exception):
    """The source was finite and has been played to its end."""


class Camera:
    """The daemon's end of a camera process, or of another process that writes frames (`frames:PATH`)."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[bytes] = deque(maxlen=1)
        self._ear: threading.Thread | None = None
        self._reader: FrameReader | None = None
        self._size: tuple[int, int] | None = None
        self._quiet_since_s, self._running = 0.0, False
        self._foreign = config.source.startswith(SHARED_PREFIX)
        own = shared_memory_folder() / f"sortline-{os.getpid()}-{id(self):x}.frames"
        self._name = public_name(config.source)
        self._path = Path(config.source.removeprefix(SHARED_PREFIX)) if self._foreign else own

    @property
    def running(self) -> bool:
        """Started and not stopped since."""
        return self._running

    def start(self) -> None:
        """Start the camera process; frames, or what went wrong, come from `newest`."""
        self._quiet_since_s, self._running = time.monotonic(), True
        if not self._foreign:
            _remove_leftovers(self._path.parent)
            self._process = self._spawn()

    def newest(self, timeout_s: float) -> Frame | None:
        """The newest unread frame, or None when there is none after `timeout_s`.

        Raises CameraError when the camera says why, died, or was silent too long; Ended after a recording's last frame.
        """
        deadline = time.monotonic() + timeout_s
        while self._reader is None and time.monotonic() < deadline:
            self._raise_if_dead()
            self._attach()
        if self._reader and (frame := self._fresh(self._reader.newest(max(0.0, deadline - time.monotonic())))):
            self._quiet_since_s = time.monotonic()
            return frame
        self._raise_if_dead()
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

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.sources", str(self._path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the daemon: it still needs frames while it leaves
        )
        assert process.stdin is not None
        assert process.stderr is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as settings:  # its last words say why it is gone
            settings.write(msgspec.json.encode(self._config))
        # A decoder complains about every damaged packet: a pipe that nobody empties fills up and stops the camera.
        self._said.clear()
        self._ear = threading.Thread(
            target=_keep_last, args=(process.stderr, self._said), name="camera-words", daemon=True
        )
        self._ear.start()
        return process

    def _last_words(self, process: "subprocess.Popen[bytes]") -> str:
        process.wait()
        if self._ear:
            self._ear.join()
        return self._said[0].decode(errors="replace").strip() if self._said else ""

    def _attach(self) -> None:
        if not self._path.exists():
            time.sleep(POLL_S)
            return
        reader = FrameReader(self._path)
        size = (reader.width, reader.height)
        if size != (self._size or size):
            raise CameraError(f"{self._name}: expected frames of {self._size} pixels as before, found {size}")
        self._reader, self._size = reader, size
        self._quiet_since_s = time.monotonic()  # what it took to open is no silence: its first frame is on its way

    def _fresh(self, frame: Frame | None) -> Frame | None:
        """Not what a writer that is gone left in the file."""
        return frame if frame and time.monotonic_ns() - frame.captured_ns <= self._config.stall_s * 1e9 else None

    def _raise_if_dead(self) -> None:
        if self._process is None or (status := self._process.poll()) is None:
            return
        if status == 0:
            raise Ended
        said = self._last_words(self._process)
        raise CameraError(said or f"{self._name}: the camera process ended with {status}")

    def _raise_if_silent(self) -> None:
        silent_s, limit_s = time.monotonic() - self._quiet_since_s, self._config.stall_s if self._reader else START_S
        if silent_s > limit_s:
            raise CameraError(f"{self._name}: expected a frame, found none for {silent_s:.1f} s")

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


def _keep_last(lines: IO[bytes], kept: "deque[bytes]") -> None:
    with lines:
        kept.extend(line for line in lines if line.strip())
