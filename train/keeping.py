"""What is kept of a run on its way: metrics after every epoch, checkpoints now and then and before an early end."""

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train.checkpoint import CHECKPOINT_FILE, Checkpoint, Row, read_checkpoint, replace_file, write_checkpoint
from train.interruption import Interrupted, Stop
from train.run_folder import METRICS_FILE

COLUMNS = ("stage", "epoch", "loss", "accuracy", "macro_f1", "lr", "photos_per_s")

Log = Callable[[int, Row], None]
"""Takes the number of an epoch, counted over all stages, and its row."""


class Keeper:
    """Keeps a run in `folder`; without one nothing is kept, and nothing listens for signals."""

    def __init__(self, folder: Path | None = None, minutes: float = 0.0, log: Log | None = None) -> None:
        self._folder, self._log = folder, log
        self._seconds, self._last = 60 * minutes, time.monotonic()
        self._stop = Stop()
        self.saved: Checkpoint | None = read_checkpoint(folder / CHECKPOINT_FILE) if folder else None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block a signal asks for a checkpoint and an end."""
        if self._folder is None:
            yield
            return
        with self._stop.listening():
            yield

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._folder is not None and (self._stop.number != 0 or time.monotonic() - self._last >= self._seconds)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint. Raises RunError when it can't be, Interrupted when it was for an early end."""
        if self._folder is None:
            return
        write_checkpoint(self._folder / CHECKPOINT_FILE, checkpoint)
        self._last = time.monotonic()
        if self._stop.number:
            place = checkpoint.notes.place
            where = f"stage {place.stage + 1}, epoch {place.epoch + 1}, step {place.step}"
            raise Interrupted(
                f"interrupted before {where}; the same command with --resume goes on from there", self._stop.number
            )

    def tell(self, history: Sequence[Row]) -> None:
        """Write down all epochs so far, the last of which is new."""
        if self._log:
            self._log(len(history), history[-1])
        if self._folder:
            replace_file(self._folder / METRICS_FILE, lambda file: file.write(table(history).encode()))


def table(history: Sequence[Row]) -> str:
    """Metrics as comma-separated values; what a row lacks stays empty."""
    text = io.StringIO()
    rows: Any = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerows(history)
    return text.getvalue()
