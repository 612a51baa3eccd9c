"""Opens the ledger's database: whole, of the right size, its disk space taken, and new where the old one is damaged."""

import contextlib
import errno
import logging
import os
import sqlite3
import time
from pathlib import Path

from edge.errors import ConfigError, Unavailable

log = logging.getLogger(__name__)

APPLICATION_ID = 0x534C4C32
"""Marks the file as ours: "SLL2", sortline's ledger in its second layout (rows of a fixed width)."""
EPOCH_MS = 1_577_836_800_000
"""2020-01-01 UTC. A ledger's numbers begin at the milliseconds from there to its birth. No belt makes a thousand
decisions a second, so that is above all that an older ledger of this device has used, also when that one is unreadable
or deleted. (Should the clock be wrong just then: gates still tell the runs apart by `boot`.) Far below 2**53, up to
which JSON is exact."""
DECISION_BYTES, ANSWER_BYTES, OUTCOME_BYTES = 960, 352, 9
"""Widths of a row: three rows fill a page of 4,096 bytes. What is shorter is padded with spaces, which JSON allows."""
WAL_BYTES = 8 << 20
"""Taken from the disk at the start: twice what `CHECKPOINT_FRAMES` pages need, see `edge.ledger.ledger`."""
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


def open_ledger_file(path: Path, rows: int) -> tuple[sqlite3.Connection, bool]:
    """The database, and whether it had to be started anew because the old one is damaged.

    Raises ConfigError for a path that cannot hold one, Unavailable when the disk is full.
    """
    try:
        if (db := _open(path, rows)) is not None:
            return db, False
        log.warning("ledger damaged: %s moved to %s, a new one starts", path, _move_aside(path))
        if (db := _open(path, rows)) is not None:
            return db, True
    except (sqlite3.Error, OSError) as error:
        if is_full(error):
            raise Unavailable(f"{path}: expected room for the ledger, found '{error}'; free some disk space") from error
        raise ConfigError(f"{path}: ledger.path: expected a ledger that can be written, found '{error}'") from error
    raise ConfigError(f"{path}: ledger.path: expected a disk that keeps what is written, found a damaged new ledger")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is no sound database any more."""
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_full(error: sqlite3.Error | OSError) -> bool:
    """Whether it says that the disk has no room."""
    return _code(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def padded(text: bytes, width: int) -> str:
    """`text` at the next multiple of `width` bytes, so that a row never grows where it was once written."""
    return text.ljust(max(1, -(-len(text) // width)) * width).decode()


def connect(path: Path) -> sqlite3.Connection:
    """One more connection to a ledger that exists, in autocommit. Checkpoints are its owner's business."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    return db


def connect_to_keep(path: Path) -> sqlite3.Connection:
    """A read-only connection. As long as it is open no other one is the last to leave, who would delete the log."""
    db = connect_to_read(path)
    db.execute("SELECT value FROM meta").fetchone()
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, also while a daemon writes. Raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0, isolation_level=None)


def _open(path: Path, rows: int) -> sqlite3.Connection | None:
    """None when it is damaged."""
    if not path.exists() or path.stat().st_size == 0:
        _create(path, rows)
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
            _require_ours(db)
            db.close()
            return _prepare(path, rows)
    except sqlite3.Error as error:
        if not is_damage(error):
            db.close()
            raise
    db.close()
    return None


def _require_ours(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise sqlite3.OperationalError("somebody else's database")


def _prepare(path: Path, rows: int) -> sqlite3.Connection:
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    if db.execute("SELECT value FROM meta WHERE name = 'rows'").fetchone() != (rows,):
        _resize(db, rows)
    _take_space(path)
    return db


def _create(path: Path, rows: int) -> None:
    """Write all rows into a file beside it, then name it `path`: a crash on the way leaves nothing behind there."""
    for leftover in (_beside(path, "-wal"), _beside(path, "-shm"), new := _beside(path, ".new")):
        leftover.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as db:
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN", *_statements(TABLES)):
            db.execute(statement)
        _fill(db, rows)
        born = max(0, time.time_ns() // 1_000_000 - EPOCH_MS)
        db.execute("INSERT INTO meta VALUES ('next', ?), ('rows', ?)", (born, rows))
        db.execute("COMMIT")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA journal_mode = WAL")
    _flush_to_disk(new)
    new.rename(path)
    _flush_to_disk(path.parent)


def _statements(script: str) -> list[str]:
    """One by one: `executescript` would commit first."""
    return [statement for statement in script.split(";") if statement.strip()]


def _fill(db: sqlite3.Connection, rows: int) -> None:
    widths = {"outcome": OUTCOME_BYTES, "decision": DECISION_BYTES, "answer": ANSWER_BYTES}
    blanks = {name: padded(b"", width) for name, width in widths.items()}
    db.execute(EMPTY_ROWS, {"rows": rows, "never": NEVER, **blanks})


def _resize(db: sqlite3.Connection, rows: int) -> None:
    """Give every kept decision its slot in a ring of another size; the newest wins a slot."""
    for statement in ("BEGIN", "DROP VIEW decisions", "ALTER TABLE ring RENAME TO old", *_statements(TABLES)):
        db.execute(statement)
    _fill(db, rows)
    db.execute(KEEP_OLD, (rows,))
    db.execute("UPDATE meta SET value = ? WHERE name = 'rows'", (rows,))
    for statement in ("DROP TABLE old", "COMMIT", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        db.execute(statement)


def _take_space(path: Path) -> None:
    """Make the write-ahead log as large as it will ever be, while there is room. SQLite ignores the zeros behind it."""
    log_file = os.open(_beside(path, "-wal"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.posix_fallocate(log_file, 0, WAL_BYTES)
    finally:
        os.close(log_file)


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
