"""What a gate must still know after a crash or a power cut: a small file in which every movement is announced first."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge.errors import ConfigError
from edge.gate.memory import REMEMBERED
from edge.wire.messages import Answer, encode

TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, seq INTEGER NOT NULL, answer TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, UNIQUE (boot, seq))
"""
NOTE = """
INSERT INTO answers (boot, seq, answer) VALUES (?, ?, ?)
ON CONFLICT (boot, seq) DO UPDATE SET answer = excluded.answer
"""


class Journal:
    """For each decision that was accepted: the answer that would be true if the gate ended now.

    `expired` while the movement is only planned, `unknown` from just before it begins, `fired` once it has. What is
    noted `durably` is on the disk on return, fsync'd. Methods raise sqlite3.Error when the disk refuses.
    """

    def __init__(self, path: Path | None) -> None:
        """Opens or makes the file; None: in memory, and a crash is not remembered. Raises ConfigError."""
        try:
            self._db = sqlite3.connect(path or ":memory:", timeout=1.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute(TABLE)
            self._db.execute("DELETE FROM answers WHERE id <= (SELECT max(id) FROM answers) - ?", (REMEMBERED,))
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: --journal: expected a file of this gate's own, found '{error}'") from error

    def known(self) -> list[tuple[str, int]]:
        """(boot, seq) of all that is remembered, oldest first: nothing of it may move again."""
        return list(self._db.execute("SELECT boot, seq FROM answers ORDER BY id"))

    def unsent(self) -> list[Answer]:
        """Answers that a daemon may not have, oldest first: what the gate did before it ended."""
        found = self._db.execute("SELECT answer FROM answers WHERE NOT sent ORDER BY id")
        return [msgspec.json.decode(text, type=Answer) for (text,) in found]

    def note(self, answers: Iterable[Answer], *, durably: bool) -> None:
        """From here on these are true."""
        with self._change(durably=durably) as cursor:
            cursor.executemany(NOTE, _keys(answers))
            cursor.execute("DELETE FROM answers WHERE id <= last_insert_rowid() - ?", (REMEMBERED,))

    def mark_sent(self, answers: Iterable[Answer]) -> None:
        """The daemon has these. A `duplicate` says nothing of the movement, which may still wait."""
        with self._change(durably=False) as cursor:
            cursor.executemany("UPDATE answers SET sent = 1 WHERE boot = ? AND seq = ? AND answer = ?", _keys(answers))

    def __enter__(self) -> Self:
        """Open since it was made."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _change(self, *, durably: bool) -> Iterator[sqlite3.Cursor]:
        """All of it or nothing."""
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durably else 'NORMAL'}")
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.Error:
                self._db.rollback()
                raise


def _keys(answers: Iterable[Answer]) -> Iterator[tuple[str, str, str]]:
    """`seq` as text, in which a strange one may be of any size."""
    return ((answer.boot, str(answer.seq), encode(answer).decode()) for answer in answers)
