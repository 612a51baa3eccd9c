import os
import shutil
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.errors import Unavailable
from edge.ledger.file import WAL_BYTES
from edge.ledger.layout import ANSWER_BYTES
from edge.ledger.ledger import Ledger
from edge.ledger.reader import Question, read_ledger
from edge.wire.messages import Answer, BinDecision, encode
from tests.conftest import fill

Make = Callable[..., BinDecision]

FRAME_BYTES, HEADER_BYTES = 24 + 4096, 32
"""Of SQLite's write-ahead log: https://www.sqlite.org/fileformat2.html#the_write_ahead_log."""
CUTS = int(os.environ.get("SORTLINE_POWER_CUTS", "40"))
"""1,500 in the long form."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("mounts a disk of its own, which only root may")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def answer_to(decision: BinDecision, **fields: Any) -> Answer:
    """Fired."""
    usual = {"line": "l1", "boot": decision.boot, "seq": decision.seq, "item": 0, "bin": "recyclable", "gate": "g"}
    return Answer(**{**usual, "outcome": "fired", **fields})


def whole_day(ledger: Ledger, a_decision: Make, number: int, every_s: float = 0.0) -> list[int]:
    """So many decisions, published and answered."""
    seqs = []
    for _item in range(number):
        time.sleep(every_s)
        decision = ledger.record(lambda seq: a_decision(seq=seq))
        ledger.mark_published(decision)
        ledger.answer(answer_to(decision))
        ledger.flush()
        seqs.append(decision.seq)
    return seqs


def test_ring_goes_on_when_the_disk_is_full(small_disk: Path, a_decision: Make) -> None:
    """All space was taken at the start: 2,000 decisions with answers fit where nothing fits any more.

    They come faster than on any line, and slowly enough for the checkpoints' thread to get its turns on a busy machine.
    """
    with Ledger(small_disk / "ledger.db", 300) as ledger:
        fill(small_disk)

        seqs = whole_day(ledger, a_decision, 2_000, every_s=0.002)

        assert len(set(seqs)) == 2_000
        assert (ledger.problems, ledger.count) == ((), 300)


def test_full_disk_stops_no_restart(small_disk: Path, a_decision: Make) -> None:
    """The log's space stays taken between a clean end and the next start."""
    with Ledger(small_disk / "ledger.db", 300) as ledger:
        before = whole_day(ledger, a_decision, 10)
    fill(small_disk)

    with Ledger(small_disk / "ledger.db", 300) as ledger:
        after = whole_day(ledger, a_decision, 700)

    assert after[0] == before[-1] + 1


def test_disk_that_refuses_is_a_problem_until_it_takes_again(small_disk: Path, a_decision: Make) -> None:
    """What cannot be kept raises, so that nobody publishes it; status says so, its number stays empty, and it ends.

    For its item has a number too: items never get ahead of decisions, with whose numbers they begin after a restart.
    """
    path = small_disk / "ledger.db"
    with Ledger(path, 300) as ledger:
        (first,) = whole_day(ledger, a_decision, 1)
        # Somebody who reads for hours keeps the log from beginning anew, so that it must grow.
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ring").fetchone()
        fill(small_disk)

        with pytest.raises(Unavailable, match="expected the ledger to take a decision"):
            whole_day(ledger, a_decision, 9_000)
        problems, refused = ledger.problems, ledger.next_seq - 1
        reader.close()
        again = recovered(ledger, a_decision)

        assert problems[0].startswith("ledger-refused: ")
        assert again > refused > first
        assert ledger.problems == ()
        assert [entry.decision.seq for entry in read_ledger(path, Question(limit=2))] == [refused - 1, again]


def test_decision_waits_for_a_disk_that_is_slow_to_flush(tmp_path: Path, a_decision: Make) -> None:
    """A checkpoint keeps writers out as long as its flush takes: the decision comes late, and is kept."""
    path = tmp_path / "ledger.db"
    with Ledger(path, 100) as ledger:
        (before,) = whole_day(ledger, a_decision, 1)
        flushing = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        flushing.execute("BEGIN IMMEDIATE")
        flushed = threading.Timer(1.5, flushing.rollback)
        flushed.start()

        (after,) = whole_day(ledger, a_decision, 1)

        flushed.join()
        flushing.close()
        assert (after, ledger.problems) == (before + 1, ())


def recovered(ledger: Ledger, a_decision: Make) -> int:
    """The first seq that is taken again, within some tries."""
    for _try in range(200):
        ledger._checkpoints._due.set()
        threading.Event().wait(0.02)
        try:
            return ledger.record(lambda seq: a_decision(seq=seq)).seq
        except Unavailable:
            continue
    pytest.fail("the ledger did not recover")


def test_log_stays_where_it_is(tmp_path: Path, a_decision: Make) -> None:
    """Neither the ring nor its log grows with what goes through, and the log is not given back at the end."""
    path, log = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    with Ledger(path, 200) as ledger:
        size = path.stat().st_size
        whole_day(ledger, a_decision, 2_000)
        during = log.stat().st_size

    assert (path.stat().st_size, log.stat().st_size) == (size, during)
    assert during <= WAL_BYTES * 2


def test_file_that_is_damaged_while_it_runs_is_replaced(
    tmp_path: Path, a_decision: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad block does not stop the line: the file is moved aside, numbers rise on, and problems say so.

    Also where somebody has set the clock back, from which a new ledger's numbers begin.
    """
    path, now_ns = tmp_path / "ledger.db", time.time_ns()
    with Ledger(path, 3_000) as ledger:
        used = whole_day(ledger, a_decision, 3)
        monkeypatch.setattr(time, "time_ns", lambda: now_ns - 3_600_000_000_000)
        with path.open("r+b") as file:
            file.seek(4096 * 2)
            file.write(b"\xa5" * 4096 * 900)

        later = whole_day(ledger, a_decision, 3_000)

        numbers = [*used, *later]
        assert all(before < after for before, after in pairwise(numbers))
        assert len(numbers) == 3_003
        assert ledger.problems == ("ledger-replaced",)
    assert (tmp_path / "ledger.db.corrupt-1").exists()


def test_talkative_gate_does_not_make_a_row_grow(tmp_path: Path, a_decision: Make) -> None:
    """A long reason is cut; an answer that is too long without it is not taken."""
    with Ledger(tmp_path / "ledger.db", 100) as ledger:
        decision = ledger.record(lambda seq: a_decision(seq=seq))

        assert ledger.answer(answer_to(decision, gate="g" * 400)) is False
        assert ledger.answer(answer_to(decision, detail='jam "3"\n' * 999)) is True
        assert ledger.answer(answer_to(decision, seq=2**70)) is False
        assert ledger.flush() == 1

    (kept,) = sqlite3.connect(tmp_path / "ledger.db").execute("SELECT answer FROM decisions").fetchone()
    assert len(kept) <= ANSWER_BYTES
    assert msgspec.json.decode(kept, type=Answer).detail.startswith('jam "3"')


def test_decision_of_a_hundred_classes_is_kept_whole(tmp_path: Path, a_decision: Make) -> None:
    """What is wider than a row is kept too, and once the ring is round nothing grows any more."""
    many = {f"class-number-{number}": 0.01 for number in range(100)}
    path = tmp_path / "ledger.db"
    with Ledger(path, 100) as ledger:
        wide = [ledger.record(lambda seq: a_decision(seq=seq, probabilities=many)) for _ in range(1_200)]
        ledger._checkpoints.close()
        size = path.stat().st_size
    with Ledger(path, 100) as ledger:
        wide += [ledger.record(lambda seq: a_decision(seq=seq, probabilities=many)) for _ in range(1_200)]

    assert path.stat().st_size == size
    db = sqlite3.connect(path)
    assert (
        db.execute("SELECT decision FROM decisions ORDER BY seq DESC LIMIT 1").fetchone()[0]
        == encode(wide[-1]).decode()
    )


def frames_in(log: bytes) -> int:
    """Frames of the log's newest generation: those with the header's salt."""
    salt = log[16:24]
    number = 0
    while log[HEADER_BYTES + number * FRAME_BYTES + 8 :][:8] == salt:
        number += 1
    return number


def test_every_power_cut_leaves_a_sound_ledger(tmp_path: Path, a_decision: Make) -> None:
    """Whatever part of the log reached the disk: each row is whole, and no number is given twice."""
    path, log = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    with Ledger(path, 100) as ledger:
        flushed = HEADER_BYTES + FRAME_BYTES * frames_in(log.read_bytes())
        old = log.read_bytes()
        used = whole_day(ledger, a_decision, 120)
        main, new = path.read_bytes(), log.read_bytes()
        end = HEADER_BYTES + FRAME_BYTES * frames_in(new)
        assert end > flushed + 200 * FRAME_BYTES
    after = tmp_path / "after" / "ledger.db"

    for number in range(CUTS):
        cut = flushed + (end - flushed) * number // (CUTS - 1)
        shutil.rmtree(after.parent, ignore_errors=True)
        after.parent.mkdir()
        after.write_bytes(main)
        # Behind the cut lies what the log held before: nothing, or zeros.
        after.with_name("ledger.db-wal").write_bytes(new[:cut] + old[cut:])
        with Ledger(after, 100) as ledger:
            assert ledger.problems == ()
            rows = sqlite3.connect(after).execute("SELECT slot, seq, decision FROM decisions").fetchall()
            next_seq = ledger.record(lambda seq: a_decision(seq=seq)).seq
        assert next_seq > max(used)
        for slot, seq, text in rows:
            assert (seq % 100, msgspec.json.decode(text, type=BinDecision).seq) == (slot, seq)


def test_log_header_is_as_documented(tmp_path: Path) -> None:
    """The cuts above fall where frames begin and end."""
    with Ledger(tmp_path / "ledger.db", 100):
        magic, version, page = struct.unpack(">III", (tmp_path / "ledger.db-wal").read_bytes()[:12])

    assert (magic & ~1, version, page) == (0x377F0682, 3007000, 4096)
