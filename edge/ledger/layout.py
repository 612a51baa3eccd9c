"""What a ledger's file holds: a ring of rows of a fixed width, all of them written when it is made."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path

APPLICATION_ID, OLDER_IDS = 0x534C4C32, (0x534C4C31,)
"""Marks the file as ours: "SLL2", sortline's ledger in its second layout (rows of a fixed width); and its first one."""
EPOCH_MS = 1_577_836_800_000
"""2020-01-01 UTC. A ledger's numbers begin at the milliseconds from there to its birth. No belt makes a thousand
decisions a second, so that is above all that an older ledger of this device has used, also when that one is unreadable
or deleted. (Should the clock be wrong just then: gates still tell the runs apart by `boot`.) Far below 2**53, up to
which JSON is exact."""
DECISION_BYTES, ANSWER_BYTES, OUTCOME_BYTES = 960, 352, 9
"""Widths of a row: three rows fill a page of 4,096 bytes. What is shorter is padded with spaces, which JSON allows."""
NEVER = -(2**40)
"""The seq of a row that holds nothing yet: as many bytes as that of one that does."""

TABLES = """
CREATE TABLE ring (
    slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, published INTEGER NOT NULL, outcome TEXT NOT NULL,
    decision TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIEW decisions AS SELECT
    slot, seq, json_extract(decision, '$.boot') AS boot, json_extract(decision, '$.item') AS item,
    json_extract(decision, '$.bin') AS bin, json_extract(decision, '$.reason') AS reason,
    json_extract(decision, '$.captured_at') AS captured_at, published, nullif(rtrim(outcome), '') AS outcome,
    rtrim(decision) AS decision, nullif(rtrim(answer), '') AS answer
    FROM ring WHERE seq >= 0;
"""
EMPTY_ROWS = """
WITH RECURSIVE slots(slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots WHERE slot + 1 < :rows)
INSERT INTO ring SELECT slot, :never, 0, :outcome, :decision, :answer FROM slots
"""
KEEP_OLD = """
INSERT OR REPLACE INTO ring (slot, seq, published, outcome, decision, answer)
SELECT seq % ?, seq, published, outcome, decision, answer FROM old WHERE seq >= 0 ORDER BY seq
"""

OPEN_ROWS = """
SELECT decision FROM ring WHERE seq >= 0 AND outcome IN (?, ?)
AND (published OR seq = (SELECT max(seq) FROM ring)) ORDER BY seq DESC LIMIT ?
"""
"""Unanswered ones, newest first. The newest of all counts as published: its daemon may have died before it noted so."""


def padded(text: bytes, width: int) -> str:
    """`text` at the next multiple of `width` bytes, so that a row never grows where it was once written."""
    return text.ljust(max(1, -(-len(text) // width)) * width).decode()


def create(path: Path, rows: int, first: int = 0) -> None:
    """Write all rows into a file beside it, then name it `path`: a crash on the way leaves nothing behind there.

    Its numbers begin at `first` at the least.
    """
    for leftover in (beside(path, "-wal"), beside(path, "-shm"), new := beside(path, ".new")):
        leftover.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as db:
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN", *_statements(TABLES)):
            db.execute(statement)
        _fill(db, rows)
        born = max(first, time.time_ns() // 1_000_000 - EPOCH_MS)
        db.execute("INSERT INTO meta VALUES ('next', ?), ('rows', ?)", (born, rows))
        db.execute("COMMIT")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA journal_mode = WAL")
    _flush_to_disk(new)
    new.rename(path)
    _flush_to_disk(path.parent)


def resize(db: sqlite3.Connection, rows: int) -> None:
    """Give every kept decision its slot in a ring of another size; the newest wins a slot."""
    for statement in ("BEGIN", "DROP VIEW decisions", "ALTER TABLE ring RENAME TO old", *_statements(TABLES)):
        db.execute(statement)
    _fill(db, rows)
    db.execute(KEEP_OLD, (rows,))
    db.execute("UPDATE meta SET value = ? WHERE name = 'rows'", (rows,))
    for statement in ("DROP TABLE old", "COMMIT", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        db.execute(statement)


def beside(path: Path, suffix: str) -> Path:
    """The file of the same name with something behind it, such as SQLite's "-wal"."""
    return path.with_name(path.name + suffix)


def _statements(script: str) -> list[str]:
    """One by one: `executescript` would commit first."""
    return [statement for statement in script.split(";") if statement.strip()]


def _fill(db: sqlite3.Connection, rows: int) -> None:
    widths = {"outcome": OUTCOME_BYTES, "decision": DECISION_BYTES, "answer": ANSWER_BYTES}
    blanks = {name: padded(b"", width) for name, width in widths.items()}
    db.execute(EMPTY_ROWS, {"rows": rows, "never": NEVER, **blanks})


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
