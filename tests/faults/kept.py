"""The figures of rows that are done, one file a row, so that a run that was broken off goes on where it was."""

from pathlib import Path

import msgspec

from tests.faults.table import Figure


class Size(msgspec.Struct, frozen=True):
    """How large the rows are."""

    long: bool
    scale: float


class _File(msgspec.Struct, frozen=True):
    size: Size
    figures: list[Figure]


class Kept:
    """Those in one folder that have one size."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.size = size
        self._folder = folder

    def read(self, row: str) -> list[Figure]:
        """None when it has not been done in this size."""
        try:
            kept = msgspec.json.decode((self._folder / f"{row}.json").read_bytes(), type=_File)
        except FileNotFoundError:
            return []
        return kept.figures if kept.size == self.size else []

    def write(self, row: str, figures: list[Figure]) -> None:
        """In place of what was kept of this row."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{row}.json").write_bytes(msgspec.json.encode(_File(self.size, figures)))
