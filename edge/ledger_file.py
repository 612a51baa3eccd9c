"""Opens the ledger's database: whole, of the right size, and new where the old one is damaged."""

import logging
import sqlite3
import time
from pathlib import Path

from edge.errors import ConfigError

log = logging.getLogger(__name__)

APPLICATION_ID = 0x534C4C31
"""Marks the file as ours: "SLL1", sortline's ledger in its first layout."""
EPOCH_MS = 1_577_836_800_000
"""2020-01-01 UTC. A ledger's numbers begin at the milliseconds from there to its birth. No belt makes a thousand
decisions a second, so that is above all that an older ledger of this device has used, also when that one is unreadable
or deleted. (Should the clock be wrong just then: gates still tell the runs apart by `boot`.) Far below 2**53, up to
which JSON is exact."""

TABLES = """
CREATE TABLE IF NOT EXISTS ring (
    slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, boot TEXT NOT NULL, item INTEGER NOT NULL, decision TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0, outcome TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
COLUMNS = "seq, boot, item, decision, published, outcome, answer"


def open_ledger_file(path: Path, rows: int) -> tuple[sqlite3.Connection, bool]:
    """The database, and whether it had to be started anew because the old one is damaged. Raises ConfigError."""
    try:
        if (db := _open(path, rows)) is not None:
            return db, False
        log.warning("ledger damaged: %s moved to %s, a new one starts", path, _move_aside(path))
        if (db := _open(path, rows)) is not None:
            return db, True
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{path}: ledger.path: expected a ledger that can be written, found '{error}'") from error
    raise ConfigError(f"{path}: ledger.path: expected a disk that keeps what is written, found a damaged new ledger")


def _open(path: Path, rows: int) -> sqlite3.Connection | None:
    """None when it is damaged."""
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
            return _prepare(db, rows)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            db.close()
            raise
    db.close()
    return None


def _prepare(db: sqlite3.Connection, rows: int) -> sqlite3.Connection:
    (marked,), (tables,) = db.execute("PRAGMA application_id"), db.execute("SELECT count(*) FROM sqlite_master")
    if marked != (APPLICATION_ID,) and tables != (0,):
        raise sqlite3.OperationalError("somebody else's database")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(TABLES)
    born = max(0, time.time_ns() // 1_000_000 - EPOCH_MS)
    db.execute("INSERT OR IGNORE INTO meta VALUES ('next', ?), ('rows', ?)", (born, rows))
    if db.execute("SELECT value FROM meta WHERE name = 'rows'").fetchone() != (rows,):
        _resize(db, rows)
    return db


def _resize(db: sqlite3.Connection, rows: int) -> None:
    """Give every kept decision its slot in a ring of another size; the newest wins a slot."""
    db.executescript(
        f"""BEGIN;
        ALTER TABLE ring RENAME TO old;
        {TABLES}
        INSERT OR REPLACE INTO ring (slot, {COLUMNS}) SELECT seq % {rows}, {COLUMNS} FROM old ORDER BY seq;
        DROP TABLE old;
        UPDATE meta SET value = {rows} WHERE name = 'rows';
        COMMIT;"""  # noqa: S608 - a checked integer
    )


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        if (part := path.with_name(path.name + suffix)).exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
