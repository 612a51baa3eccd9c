"""Opens the ledger's database: whole, of the right size, its disk space taken, and new where the old one is damaged."""

import contextlib
import errno
import logging
import os
import sqlite3
from pathlib import Path

from edge.errors import ConfigError, Unavailable
from edge.ledger.layout import APPLICATION_ID, OLDER_IDS, beside, create, resize

log = logging.getLogger(__name__)

WAIT_S = 5.0
"""A writer waits so long for another one, which may be a checkpoint on a disk that is slow to flush. It ends before a
watchdog of ten seconds."""
WAL_BYTES = 8 << 20
"""Taken from the disk at the start: twice what `CHECKPOINT_FRAMES` pages need, see `edge.ledger.checkpoint`."""


def open_ledger_file(path: Path, rows: int) -> tuple[sqlite3.Connection, bool]:
    """The database, and whether it had to be started anew because the old one is damaged.

    Raises ConfigError for a path that cannot hold one, Unavailable when the disk is full.
    """
    try:
        if (db := _open(path, rows)) is not None:
            return db, False
        log.warning("ledger damaged: %s moved to %s, a new one starts", path, _move_aside(path, "corrupt"))
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


def connect(path: Path) -> sqlite3.Connection:
    """One more connection to a ledger that exists, in autocommit. Checkpoints are its owner's business."""
    db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
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
        create(path, rows)
    db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
            first = _first_after_older_layout(db)
            db.close()
            if first is not None:
                aside = _move_aside(path, "older")
                log.warning("ledger of an older layout: %s moved to %s, a new one starts above it", path, aside)
                create(path, rows, first)
            return _prepare(path, rows)
    except sqlite3.Error as error:
        if not is_damage(error):
            db.close()
            raise
    db.close()
    return None


def _first_after_older_layout(db: sqlite3.Connection) -> int | None:
    """The number with which a ledger after this older one begins; None: it is of this layout. Raises for strangers."""
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    if mark == APPLICATION_ID:
        return None
    if mark not in OLDER_IDS:
        raise sqlite3.OperationalError("somebody else's database")
    first: int = db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()[0]
    return first


def _prepare(path: Path, rows: int) -> sqlite3.Connection:
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    if db.execute("SELECT value FROM meta WHERE name = 'rows'").fetchone() != (rows,):
        resize(db, rows)
    _take_space(path)
    return db


def _take_space(path: Path) -> None:
    """Make the write-ahead log as large as it will ever be, while there is room. SQLite ignores the zeros behind it."""
    log_file = os.open(beside(path, "-wal"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.posix_fallocate(log_file, 0, WAL_BYTES)
    finally:
        os.close(log_file)


def _move_aside(path: Path, why: str) -> Path:
    number = 1
    while (aside := beside(path, f".{why}-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(aside, suffix))
    return aside


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
