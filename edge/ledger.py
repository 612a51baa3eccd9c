"""The device's own record of its decisions and of the gates' answers: on disk before anything is published."""

import logging
import queue
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.errors import Unavailable
from edge.ledger_file import open_ledger_file
from edge.messages import Answer, BinDecision, encode

log = logging.getLogger(__name__)

BLOCK = 1000
"""Sequence numbers that are reserved on disk at once: one fsync for so many decisions."""
ANSWERS = 1000
"""Answers that may wait for the owner's thread; a gate answers each decision once."""


class Ledger:
    """A ring of the newest decisions in SQLite, slot = seq modulo rows.

    The thread that made it owns the database and calls everything, but for `answer`, which any thread may call: it
    hands over through a bounded queue, which `mark_published` and `flush` write.

    Rows are written without fsync (WAL, synchronous=NORMAL): a power cut may take the last ones. Sequence numbers are
    reserved with fsync, in blocks, before they are used, so that none is ever given twice.
    """

    def __init__(self, path: Path, rows: int) -> None:
        """Opens or makes the database at `path` with room for `rows` decisions. Raises ConfigError."""
        self._path = path
        self._rows = rows
        self._answers: queue.Queue[Answer] = queue.Queue(ANSWERS)
        self._db, replaced = open_ledger_file(path, rows)
        self.problems: tuple[str, ...] = ("ledger-replaced",) if replaced else ()
        """Not empty when the old ledger was damaged, so that this is a new one."""
        self._next = self._end = 0
        self._reserve()

    def record(self, boot: str, item: int, made: Callable[[int], BinDecision]) -> BinDecision:
        """Give the next seq to `made` and keep what it returns. Raises Unavailable when the disk refuses."""
        if self._next == self._end:
            self._reserve()
        seq, self._next = self._next, self._next + 1
        decision = made(seq)
        self._write(
            "INSERT OR REPLACE INTO ring (slot, seq, boot, item, decision) VALUES (?, ?, ?, ?, ?)",
            (seq % self._rows, seq, boot, item, encode(decision).decode()),
        )
        return decision

    def mark_published(self, seq: int) -> None:
        """The decision was written to the socket. Also flushes."""
        self._write("UPDATE ring SET published = 1 WHERE slot = ? AND seq = ?", (seq % self._rows, seq))
        self.flush()

    def answer(self, answer: Answer) -> bool:
        """From any thread: keep what the gate did. False when too many wait, and then this one is dropped."""
        try:
            self._answers.put_nowait(answer)
        except queue.Full:
            return False
        return True

    def flush(self) -> int:
        """Write the answers that wait, off the way of a frame; how many met a decision that had none yet."""
        kept = sum(self._keep(self._answers.get_nowait()) for _ in range(self._answers.qsize()))
        if self._end - self._next < BLOCK // 4:
            self._reserve()
        return kept

    @property
    def count(self) -> int:
        """Decisions that are kept now."""
        number: int = self._db.execute("SELECT count(*) FROM ring").fetchone()[0]
        return number

    def __enter__(self) -> Self:
        """Open since it was made."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write what waits, give unused sequence numbers back, close."""
        try:
            self.flush()
            self._durably("UPDATE meta SET value = ? WHERE name = 'next' AND value = ?", (self._next, self._end))
        finally:
            self._db.close()

    def _keep(self, answer: Answer) -> int:
        # The first answer counts: a later "duplicate" must not hide that the gate fired.
        return self._write(
            "UPDATE ring SET outcome = ?, answer = ? WHERE slot = ? AND seq = ? AND boot = ? AND outcome IS NULL",
            (answer.outcome, encode(answer).decode(), answer.seq % self._rows, answer.seq, answer.boot),
        )

    def _reserve(self) -> None:
        ((end,),) = self._durably("UPDATE meta SET value = value + ? WHERE name = 'next' RETURNING value", (BLOCK,))
        if end - BLOCK != self._end:
            self._next = end - BLOCK
        self._end = end

    def _durably(self, statement: str, values: tuple[int, ...]) -> list[tuple[int, ...]]:
        try:
            self._db.execute("PRAGMA synchronous = FULL")
            result = self._db.execute(statement, values).fetchall()
            self._db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            raise self._refused(error) from error
        return result

    def _write(self, statement: str, values: tuple[int | str, ...]) -> int:
        try:
            return self._db.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _refused(self, error: sqlite3.Error) -> Unavailable:
        return Unavailable(f"{self._path}: expected the ledger to take a decision, found '{error}'; is the disk full?")
