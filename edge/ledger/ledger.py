"""The device's own record of its decisions and of the gates' answers: on disk before anything is published."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from edge.errors import Unavailable
from edge.ledger.checkpoint import Checkpoints
from edge.ledger.file import connect_to_keep, is_damage, open_ledger_file
from edge.ledger.layout import ANSWER_BYTES, DECISION_BYTES, OPEN_ROWS, OUTCOME_BYTES, padded
from edge.ledger.numbers import BLOCK, Numbers
from edge.ledger.unanswered import OPEN, Unanswered
from edge.wire.messages import Answer, BinDecision, decode, encode

log = logging.getLogger(__name__)

AT_HAND = BLOCK // 4
"""Numbers below which more are reserved, between two frames."""
ANSWERS = 1000
"""Answers that may wait for the owner's thread; a gate answers each decision once."""
SEQ_LIMIT = 2**53
"""Up to which JSON is exact."""
BLANK_OUTCOME, BLANK_ANSWER = padded(b"", OUTCOME_BYTES), padded(b"", ANSWER_BYTES)
DUPLICATE = padded(b"duplicate", OUTCOME_BYTES)


class Ledger:
    """A ring of the newest decisions in SQLite, slot = seq modulo rows, all rows written once when it is made.

    The thread that made it owns the database and calls everything, but for `answer`, which any thread may call: it
    hands over through a bounded queue, which `mark_published` and `flush` write.

    Rows are overwritten in place and without fsync (WAL, synchronous=NORMAL): neither a full disk nor a slow one stops
    the line, and a power cut may take the last ones. A decision that cannot be kept must not be published: `record`
    raises, `problems` says why, and the next one is tried again, under the number after it: items are numbered along,
    and start at `next_seq` in the next run.
    """

    def __init__(self, path: Path, rows: int) -> None:
        """Opens or makes the database at `path` with room for `rows` decisions. Raises ConfigError, Unavailable."""
        self._path = path
        self._rows = rows
        self._answers: deque[tuple[Answer, bytes]] = deque()
        self._refusal = ""
        self._replaced = False
        self._numbers = Numbers()
        self._open()

    @property
    def problems(self) -> tuple[str, ...]:
        """`ledger-replaced`: the old one was damaged, this one is new. `ledger-refused: …`: decisions are not kept."""
        replaced = ("ledger-replaced",) if self._replaced else ()
        return (*replaced, f"ledger-refused: {self._refusal}") if self._refusal else replaced

    def record(self, made: Callable[[int], BinDecision]) -> BinDecision:
        """Give the next seq to `made` and keep what it returns.

        Raises Unavailable when it cannot be kept: then it must not be published, and its seq stays empty.
        """
        try:
            return self._record(made)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._refused(error) from error
            return self._record_anew(made)
        finally:
            self._numbers.pass_on()

    def mark_published(self, decision: BinDecision) -> None:
        """The decision was written to the socket. Also flushes."""
        seq = decision.seq
        self.unanswered.add(decision)
        try:
            self._db.execute("UPDATE ring SET published = 1 WHERE slot = ? AND seq = ?", (seq % self._rows, seq))
        except sqlite3.Error as error:
            self._refused(error)
        self.flush()

    def answer(self, answer: Answer) -> bool:
        """From any thread: keep what the gate did. False when too many wait or no row takes it: it is dropped."""
        text = _fitting(answer)
        if len(self._answers) >= ANSWERS or len(text) > ANSWER_BYTES or not 0 <= answer.seq < SEQ_LIMIT:
            return False
        self._answers.append((answer, text))
        return True

    def flush(self) -> int:
        """Write the answers that wait, off the way of a frame; how many met a decision that had none yet.

        What a full disk refuses now is tried again at the next flush.
        """
        kept = 0
        try:
            while self._answers:
                kept += self._keep(*self._answers[0])
                self._answers.popleft()
            self._numbers.reserve(self._db, AT_HAND)
        except sqlite3.Error as error:
            self._refused(error)
        return kept

    @property
    def next_seq(self) -> int:
        """The number that the next decision gets: above all that were ever given."""
        return self._numbers.next

    @property
    def count(self) -> int:
        """Decisions that are kept now."""
        number: int = self._db.execute("SELECT count(*) FROM ring WHERE seq >= 0").fetchone()[0]
        return number

    def __enter__(self) -> Self:
        """Open since it was made."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write what waits, give unused sequence numbers back, close."""
        try:
            self.flush()
            self._numbers.give_back(self._db)
        except sqlite3.Error as refusal:
            self._refused(refusal)
        finally:
            self._close()

    def _open(self) -> None:
        self._db, replaced = open_ledger_file(self._path, self._rows)
        self._replaced = self._replaced or replaced
        self._checkpoints = Checkpoints(self._path)
        self._keeper = connect_to_keep(self._path)
        try:
            self._numbers.reserve(self._db)
        except sqlite3.Error as error:
            self._close()
            raise self._refused(error) from error
        self.unanswered = Unanswered()
        """What was published, also by earlier runs, and has no answer."""
        for (text,) in self._db.execute(OPEN_ROWS, (BLANK_OUTCOME, DUPLICATE, OPEN)).fetchall()[::-1]:
            self.unanswered.add_earlier(decode(text.encode(), BinDecision))

    def _close(self) -> None:
        """The keeper is read-only and goes last: so SQLite leaves the log's file, and its disk space, to the next."""
        self._checkpoints.close()
        self._db.close()
        self._keeper.close()

    def _record(self, made: Callable[[int], BinDecision]) -> BinDecision:
        self._numbers.reserve(self._db)
        seq = self._numbers.next
        decision = made(seq)
        text = padded(encode(decision), DECISION_BYTES)
        self._db.execute(
            "UPDATE ring SET seq = ?, published = 0, outcome = ?, decision = ?, answer = ? WHERE slot = ?",
            (seq, BLANK_OUTCOME, text, BLANK_ANSWER, seq % self._rows),
        )
        self._checkpoints.count_one()
        self._refusal = ""
        return decision

    def _record_anew(self, made: Callable[[int], BinDecision]) -> BinDecision:
        """The file was damaged under our hands: `open_ledger_file` moves it aside. The numbers rise on."""
        self._close()
        self._numbers.leave_file()
        self._open()
        try:
            return self._record(made)
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _keep(self, answer: Answer, text: bytes) -> int:
        # The first answer counts, but for a "duplicate", which tells nothing of the movement: whether it comes before
        # or after, it must not hide that the gate fired.
        self._checkpoints.count_one()
        kept = self._db.execute(
            """UPDATE ring SET outcome = ?, answer = ? WHERE slot = ? AND seq = ? AND outcome IN (?, ?)
            AND json_extract(decision, '$.boot') = ?""",
            (
                answer.outcome.ljust(OUTCOME_BYTES),
                padded(text, ANSWER_BYTES),
                answer.seq % self._rows,
                answer.seq,
                BLANK_OUTCOME,
                DUPLICATE,
                answer.boot,
            ),
        ).rowcount
        if answer.outcome != "duplicate":
            self.unanswered.answered(answer.boot, answer.seq)
        return kept

    def _refused(self, error: sqlite3.Error) -> Unavailable:
        if str(error) != self._refusal:
            self._refusal = str(error)
            log.error("ledger refused: %s: %s", self._path, error)
        return Unavailable(f"{self._path}: expected the ledger to take a decision, found '{error}'; is the disk full?")


def _fitting(answer: Answer) -> bytes:
    """The answer as JSON; what a talkative gate says in words is cut until a row takes it."""
    cut = replace(answer, detail=answer.detail[:ANSWER_BYTES])
    while len(content := encode(cut)) > ANSWER_BYTES and cut.detail:
        cut = replace(cut, detail=cut.detail[: len(cut.detail) * 3 // 4])
    return content
