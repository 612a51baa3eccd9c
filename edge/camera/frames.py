"""Frames in shared memory: one process writes, one reads the newest; neither ever waits for the other."""

import mmap
import os
import struct
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from edge.camera.futex import wait_while, wake
from edge.errors import CameraError
from edge.preprocess import Image

MAGIC = b"sortlin2"
SLOTS = 4
"""The reader has the time of three frames to copy one before the writer comes round to it."""
PAGE = 4096
HEADER = struct.Struct("=8sIIqq")
"""Magic, width, height, last beat, counter of the newest whole frame (0: none yet)."""
NUMBER = struct.Struct("=q")
NEWEST_AT = HEADER.size - NUMBER.size
"""Its lower half is the word that a reader sleeps on, on machines that keep that half first: all that are in use."""
BEAT_AT = NEWEST_AT - NUMBER.size
SLOT = struct.Struct("=qq")
"""Counter (0 while it is being written) and capture time."""
LONGEST_SLEEP_S = 0.005
"""Then a reader looks at the counter itself: it needs nobody who wakes it."""


class Frame(NamedTuple):
    """One picture of the belt."""

    image: Image
    """(H, W, 3) uint8 RGB, the reader's own copy."""
    counter: int
    """Number of the frame since the camera started, from 1."""
    captured_ns: int
    """`time.monotonic_ns()` of this host when it was exposed, as well as the source knows."""


@dataclass(frozen=True)
class Layout:
    """Where things lie in the file."""

    width: int
    height: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one picture."""
        return self.width * self.height * 3

    def slot_at(self, counter: int) -> int:
        """Offset of the slot that frame `counter` is written to."""
        return PAGE + counter % SLOTS * self.slot_bytes

    @property
    def slot_bytes(self) -> int:
        """A slot's bytes: its head, then the pixels, to whole pages."""
        return -(-(PAGE + self.frame_bytes) // PAGE) * PAGE

    @property
    def file_bytes(self) -> int:
        """Bytes of the whole file."""
        return PAGE + SLOTS * self.slot_bytes


def shared_memory_folder() -> Path:
    """A folder in memory where the system has one."""
    memory = Path("/dev/shm")  # noqa: S108 - no temporary file by a guessable name: its files carry a process id
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def _address(memory: mmap.mmap) -> int:
    return int(np.frombuffer(memory, np.uint8).ctypes.data)


class FrameWriter:
    """The camera's side. The file appears whole, under its name, with the first frame's size."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._layout = Layout(width, height)
        self._counter = 0
        self._path = path
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        with partial.open("w+b") as file:
            file.truncate(self._layout.file_bytes)
            self._memory = mmap.mmap(file.fileno(), self._layout.file_bytes)
        self._newest_at = _address(self._memory) + NEWEST_AT
        HEADER.pack_into(self._memory, 0, MAGIC, width, height, 0, 0)
        partial.replace(path)

    def write(self, image: Image, captured_ns: int) -> None:
        """Make `image`, (height, width, 3) uint8 RGB of the size given at the start, the newest frame."""
        self._counter += 1
        at = self._layout.slot_at(self._counter)
        SLOT.pack_into(self._memory, at, 0, 0)
        target = np.frombuffer(self._memory, np.uint8, self._layout.frame_bytes, at + PAGE)
        np.copyto(target.reshape(image.shape), image)
        SLOT.pack_into(self._memory, at, self._counter, captured_ns)
        NUMBER.pack_into(self._memory, NEWEST_AT, self._counter)
        wake(self._newest_at)

    def beat(self, now_ns: int) -> None:
        """Say that the camera answers while no frame is due, at `time.monotonic_ns()`."""
        NUMBER.pack_into(self._memory, BEAT_AT, now_ns)

    def close(self) -> None:
        """Take the file away; a reader keeps what it has mapped."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FrameReader:
    """The daemon's side. Raises CameraError when `path` holds no frames."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            magic, width, height, _, _ = HEADER.unpack_from(self._memory)
        except (OSError, ValueError, struct.error) as error:
            raise CameraError(f"{path}: expected frames in shared memory, found {error}") from error
        self._newest_at = _address(self._memory) + NEWEST_AT
        self._layout = Layout(width, height)
        if magic != MAGIC or len(self._memory) != self._layout.file_bytes:
            raise CameraError(f"{path}: expected frames in shared memory, found another file")
        self._seen = 0

    @property
    def width(self) -> int:
        """Pixels of every frame."""
        return self._layout.width

    @property
    def height(self) -> int:
        """Pixels of every frame."""
        return self._layout.height

    @property
    def beat_ns(self) -> int:
        """When the camera last said that it answers, by `time.monotonic_ns()`; 0: never."""
        (beat_ns,) = NUMBER.unpack_from(self._memory, BEAT_AT)
        return int(beat_ns)

    def newest(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not read yet; None when none comes within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not (frame := self._read()) and (left_s := deadline - time.monotonic()) > 0:
            wait_while(self._newest_at, self._seen, min(left_s, LONGEST_SLEEP_S))
        return frame

    def _read(self) -> Frame | None:
        (counter,) = NUMBER.unpack_from(self._memory, NEWEST_AT)
        if counter == self._seen:
            return None
        at = self._layout.slot_at(counter)
        head = SLOT.unpack_from(self._memory, at)
        pixels = np.frombuffer(self._memory, np.uint8, self._layout.frame_bytes, at + PAGE)
        image = pixels.reshape(self.height, self.width, 3).copy()
        if head[0] != counter or SLOT.unpack_from(self._memory, at) != head:
            return None  # overwritten while it was copied: a newer one is there
        self._seen = counter
        return Frame(image, counter, head[1])
