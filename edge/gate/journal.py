"""What a gate must still know after a crash or a power cut: a small file in which every movement is announced first."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.errors import ConfigError
from edge.wire.messages import Answer, decode, encode

KEPT = 20_000
"""Answers, some 8 MB: twice as many as a daemon may ask for."""
TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, seq INTEGER NOT NULL, answer TEXT NOT NULL, UNIQUE (boot, seq))
"""
FORGOTTEN = "CREATE TABLE IF NOT EXISTS forgotten (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)"
TRIM = "DELETE FROM answers WHERE id <= (SELECT max(id) FROM answers) - ? RETURNING seq"
FORGET = "INSERT INTO forgotten VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = max(seq, excluded.seq)"
OLDEST = "SELECT coalesce((SELECT seq FROM forgotten), (SELECT seq FROM answers ORDER BY id LIMIT 1))"
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
            self._db.execute(FORGOTTEN)
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: --journal: expected a file of this gate's own, found '{error}'") from error

    def known(self) -> list[tuple[str, int]]:
        """(boot, seq) of all that is remembered, oldest first: nothing of it may move again."""
        return list(self._db.execute("SELECT boot, seq FROM answers ORDER BY id"))

    def recall(self, boot: str, seq: int) -> Answer | None:
        """What was noted of this decision last; None: nothing, or it is forgotten."""
        found = self._db.execute("SELECT answer FROM answers WHERE boot = ? AND seq = ?", (boot, seq)).fetchone()
        return decode(found[0].encode(), Answer) if found else None

    def reaches(self, seq: int) -> bool:
        """Whether a decision with this number would be here if it had ever come: it is above all that is forgotten."""
        (oldest,) = self._db.execute(OLDEST).fetchone()
        return oldest is not None and seq > oldest

    def note(self, answers: Iterable[Answer], *, durably: bool) -> None:
        """From here on these are true."""
        with self._change(durably=durably) as cursor:
            cursor.executemany(NOTE, _keys(answers))
            if dropped := cursor.execute(TRIM, (KEPT,)).fetchall():
                cursor.execute(FORGET, max(dropped))

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
