"""Reads a ledger beside the daemon that writes it: the newest decisions that fit a question, oldest first."""

import csv
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from edge.errors import UsageError
from edge.ledger.file import connect_to_read
from edge.wire.messages import Answer, BinDecision

COLUMNS = (
    "captured_at", "seq", "boot", "item", "bin", "reason", "label", "confidence", "published", "outcome", "error_ms",
    "gate", "detail", "model",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is asked for; None: any."""

    boot: str | None = None
    bin: str | None = None
    reason: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    """Wall time of the picture, from here on; without a zone it is UTC."""
    until: datetime | None = None
    """Before this."""
    unanswered: bool = False
    limit: int | None = None
    """The newest so many."""


@dataclass(frozen=True)
class Entry:
    """One decision and its answer."""

    decision: BinDecision
    published: bool
    answer: Answer | None

    @property
    def cells(self) -> dict[str, Any]:
        """By `COLUMNS`, for people and spreadsheets."""
        made, answer = msgspec.structs.asdict(self.decision), self.answer
        told = msgspec.structs.asdict(answer) if answer else {}
        answered = {name: told.get(name, "") for name in ("outcome", "error_ms", "gate", "detail")}
        cells = {**made, **answered, "published": int(self.published)}
        return {name: "" if cells[name] is None else cells[name] for name in COLUMNS}


def read_ledger(path: Path, question: Question) -> Iterator[Entry]:
    """Changes nothing, and holds the writer's log open for one row at a time only. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"{path}: expected a ledger, found no such file")
    try:
        with closing(connect_to_read(path)) as db:
            for slot, seq in _places(db, question):
                yield from _entry(db, slot, seq)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise UsageError(f"{path}: expected a ledger of sortline, found '{error}'") from error


def write_csv(entries: Iterable[Entry], out: IO[str]) -> None:
    """With a header line."""
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for entry in entries:
        writer.writerow(entry.cells)


def _places(db: sqlite3.Connection, question: Question) -> list[tuple[int, int]]:
    """Slot and seq of what fits. Times are compared as text to the millisecond, all in UTC."""
    wanted = {
        "boot = ?": question.boot,
        "bin = ?": question.bin,
        "reason = ?": question.reason,
        "outcome = ?": question.outcome,
        "substr(captured_at, 1, 23) >= ?": question.since and _utc(question.since),
        "substr(captured_at, 1, 23) < ?": question.until and _utc(question.until),
    }
    asked = {term: value for term, value in wanted.items() if value is not None}
    terms = [*asked, *(["outcome IS NULL"] if question.unanswered else [])]
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    limit = -1 if question.limit is None else question.limit
    query = f"SELECT slot, seq FROM decisions {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - our own words
    return db.execute(query, (*asked.values(), limit)).fetchall()[::-1]


def _entry(db: sqlite3.Connection, slot: int, seq: int) -> Iterator[Entry]:
    """Nothing, when a newer decision has taken the slot meanwhile."""
    query = "SELECT decision, published, answer FROM decisions WHERE slot = ? AND seq = ?"
    for decision, published, answer in db.execute(query, (slot, seq)).fetchall():
        yield Entry(
            msgspec.json.decode(decision, type=BinDecision),
            bool(published),
            msgspec.json.decode(answer, type=Answer) if answer else None,
        )


def _utc(when: datetime) -> str:
    zoned = when if when.tzinfo else when.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat("T", "milliseconds")[:23]
