"""What a gate's drive writes down of each movement: the truth that ledgers and answers are held against."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LINE_BYTES = 200
"""More than one takes."""


class Movement(NamedTuple):
    """Times are on the monotonic clock."""

    at_ms: float
    allowed_ms: float
    """When the rules allowed it."""
    clock_ms: float
    """So far off the gate took the daemon's clock to be. Both read the same one: it is what the gate knows it to."""
    boot: str
    seq: int


class Notebook:
    """A file that several processes may open, one after the other or to read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, movement: Movement) -> None:
        """In one write: SIGKILL leaves whole lines."""
        at_ms, allowed_ms, clock_ms, boot, seq = movement
        os.write(self._file, f"{at_ms:.3f} {allowed_ms:.3f} {clock_ms:.3f} {boot} {seq}\n".encode())

    def all(self) -> list[Movement]:
        """In the order in which they happened."""
        return list(_read(self._path.read_bytes()))

    def newest_ms(self) -> float:
        """When the last one happened; 0: never."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, LINE_BYTES, max(0, size - LINE_BYTES))
        return max((movement.at_ms for movement in _read(tail.partition(b"\n")[2] or tail)), default=0.0)

    def close(self) -> None:
        """The file stays."""
        os.close(self._file)


def _read(text: bytes) -> Iterator[Movement]:
    for line in text.decode().splitlines():
        at, allowed, clock, boot, seq = line.split()
        yield Movement(float(at), float(allowed), float(clock), boot, int(seq))
