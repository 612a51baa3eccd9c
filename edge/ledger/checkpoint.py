"""Moves the ledger's write-ahead log into its database, with the fsyncs that needs, on a thread of its own."""

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from edge.ledger.file import connect

log = logging.getLogger(__name__)

CHECKPOINT_WRITES = 500
"""About as many pages of 4 KiB in the log: 2 MiB."""
PASSES = 4
"""Each moves what was written during the one before, in less time; when nothing was, the log begins anew by itself."""
CHECKPOINT_FRAMES = 1000
"""With so many pages in the log, which a busy line never left empty, a writer may wait once. Half of `WAL_BYTES`."""
PATIENCE_MS = 10
"""RESTART keeps writers out while it waits for readers: whoever lists a large ledger must not hold up a decision."""
END_S = 5.0


class Checkpoints:
    """Its owner counts what it writes; the writer of a decision never waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writes = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger-checkpoint", daemon=True)
        self._thread.start()

    def count_one(self) -> None:
        """One row was written."""
        self._writes += 1
        if self._writes >= CHECKPOINT_WRITES:
            self._writes = 0
            self._due.set()

    def close(self) -> None:
        """Move all that is left, and end."""
        self._closing = True
        self._due.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        with closing(connect(self._path)) as db:
            db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            while not self._closing:
                self._due.wait()
                self._due.clear()
                try:
                    _checkpoint(db)
                except sqlite3.Error as error:
                    # Nothing is lost by it: the log grows instead, and who writes to it says what that meets.
                    log.warning("ledger checkpoint failed: %s", error)


def _checkpoint(db: sqlite3.Connection) -> None:
    """PASSIVE waits for nobody and nobody for it. RESTART keeps writers out while it flushes to the disk."""
    frames = 0
    for _ in range(PASSES):
        _busy, frames, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if moved == frames:
            break
    if frames > CHECKPOINT_FRAMES:
        db.execute("PRAGMA wal_checkpoint(RESTART)")
