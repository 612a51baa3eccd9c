"""Sequence numbers that are never given twice: reserved in the ledger's file, with fsync, before they are used."""

import sqlite3

BLOCK = 1000
"""Numbers that are reserved at once: one fsync for so many decisions."""


class Numbers:
    """The numbers of one run, consecutive but for those that other processes reserved in between."""

    def __init__(self) -> None:
        self.next = 0
        """The one that the next decision gets, above all that were ever given."""
        self._end = 0
        """The first one that is not reserved."""

    def reserve(self, db: sqlite3.Connection, least: int = 1) -> None:
        """Have `least` numbers at hand. Raises sqlite3.Error."""
        while self._end - self.next < least:
            ((end,),) = _durably(
                db,
                "UPDATE meta SET value = max(value, ?) + ? WHERE name = 'next' RETURNING value",
                (self._end, BLOCK),
            )
            if end - BLOCK != self._end:
                self.next = end - BLOCK
            self._end = end

    def pass_on(self) -> None:
        """The next one was given, or could not be kept: nobody else gets it."""
        self.next += 1

    def leave_file(self) -> None:
        """The file in which they were reserved is gone; in the one after it they rise on."""
        self._end = self.next

    def give_back(self, db: sqlite3.Connection) -> None:
        """Those that were not used, unless somebody else has reserved some since. Raises sqlite3.Error."""
        _durably(db, "UPDATE meta SET value = ? WHERE name = 'next' AND value = ?", (self.next, self._end))


def _durably(db: sqlite3.Connection, statement: str, values: tuple[int, ...]) -> list[tuple[int, ...]]:
    db.execute("PRAGMA synchronous = FULL")
    try:
        return db.execute(statement, values).fetchall()
    finally:
        db.execute("PRAGMA synchronous = NORMAL")
