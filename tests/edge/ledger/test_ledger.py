import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigError
from edge.ledger.ledger import Ledger
from edge.ledger.numbers import BLOCK
from edge.wire.messages import Answer, BinDecision, Outcome, encode

Make = Callable[..., BinDecision]

RECORD_FOR_EVER = """
import sys
from pathlib import Path
import msgspec
from edge.ledger.ledger import Ledger
from edge.wire.messages import BinDecision
made = msgspec.json.decode(sys.argv[2], type=BinDecision)
with Ledger(Path(sys.argv[1]), 1000) as ledger:
    while True:
        print(ledger.record(lambda seq: msgspec.structs.replace(made, seq=seq)).seq, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where no ledger is yet."""
    return tmp_path / "ledger.db"


@pytest.fixture
def record(a_decision: Make) -> Callable[..., list[int]]:
    """Record `number` decisions and return their seqs."""

    def record(ledger: Ledger, number: int = 1) -> list[int]:
        return [ledger.record(lambda seq, item=item: a_decision(seq=seq, item=item)).seq for item in range(number)]

    return record


def rows(path: Path, columns: str) -> list[Any]:
    """What a stranger reads from the file, oldest first."""
    db = sqlite3.connect(path)
    found = db.execute(f"SELECT {columns} FROM decisions ORDER BY seq").fetchall()  # noqa: S608 - our own words
    db.close()
    return found


def answer_to(seq: int, outcome: Outcome = "fired", boot: str = "boot-1") -> Answer:
    """A gate's answer."""
    return Answer(line="l1", boot=boot, seq=seq, item=0, bin="recyclable", gate="g", outcome=outcome)


def test_decision_is_on_disk_before_it_is_returned(path: Path, a_decision: Make) -> None:
    """Another process can read the very JSON of a decision as soon as `record` has returned it."""
    with Ledger(path, 100) as ledger:
        decision = ledger.record(lambda seq: a_decision(seq=seq, item=4))

        found = rows(path, "seq, boot, item, decision, published, outcome")

    assert found == [(decision.seq, "boot-1", 4, encode(decision).decode(), 0, None)]


def test_seqs_follow_each_other_over_clean_restarts(path: Path, record: Callable[..., list[int]]) -> None:
    """A clean end gives unused numbers back, so that no gap arises."""
    seqs: list[int] = []
    for _start in range(3):
        with Ledger(path, 100) as ledger:
            seqs += record(ledger, 5)

    assert seqs == list(range(seqs[0], seqs[0] + 15))


def test_seqs_go_on_over_a_block(path: Path, record: Callable[..., list[int]]) -> None:
    """The next block is reserved without a gap, whether or not anybody flushes."""
    with Ledger(path, 100) as ledger:
        seqs = record(ledger, BLOCK - 1)
        ledger.flush()
        seqs += record(ledger, BLOCK + 5)

    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_seq_is_not_reused_after_sigkill(path: Path, record: Callable[..., list[int]], a_decision: Make) -> None:
    """A process killed in the middle of its work leaves no number that its successor gives again."""
    command = [sys.executable, "-c", RECORD_FOR_EVER, path, encode(a_decision())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        used = [int(process.stdout.readline()) for _ in range(1500)]
        process.send_signal(signal.SIGKILL)
        used += [int(line) for line in process.stdout if line.endswith("\n")]

    with Ledger(path, 1000) as ledger:
        assert ledger.count == 1000
        assert record(ledger)[0] > max(used)


def test_seq_is_not_reused_after_a_power_cut(path: Path, record: Callable[..., list[int]]) -> None:
    """When the power takes everything that was not flushed to the disk, numbers already given stay given."""
    with Ledger(path, 100) as ledger:
        wal = path.with_name("ledger.db-wal")
        flushed_bytes = wal.stat().st_size
        used = record(ledger, 60)
        for cut in range(flushed_bytes, wal.stat().st_size, 3001):
            after = path.with_name(f"cut-{cut}.db")
            shutil.copy(path, after)
            after.with_name(f"{after.name}-wal").write_bytes(wal.read_bytes()[:cut])

            with Ledger(after, 100) as restarted:
                assert record(restarted)[0] > max(used)


def test_two_daemons_on_one_ledger_never_share_a_seq(path: Path, record: Callable[..., list[int]]) -> None:
    """A second process that opens the same file by mistake gets other numbers, also after the first has closed."""
    one = Ledger(path, 100)
    with Ledger(path, 100) as two:
        with one:
            seqs = record(one, 3) + record(two, 3)
        with Ledger(path, 100) as three:
            seqs += record(two, 3) + record(three, 3 * BLOCK)

    assert len(set(seqs)) == len(seqs)


def test_ring_stays_bounded(path: Path, record: Callable[..., list[int]]) -> None:
    """Only the newest rows stay, and the file does not grow with what went through it."""
    with Ledger(path, 100) as ledger:
        record(ledger, 200)
        size = path.stat().st_size + path.with_name("ledger.db-wal").stat().st_size

        seqs = record(ledger, 3000)

        assert ledger.count == 100
        assert [seq for (seq,) in rows(path, "seq")] == seqs[-100:]
    assert path.stat().st_size <= size


@pytest.mark.parametrize("size", [100, 150, 1000])
def test_ring_of_another_size_keeps_the_newest(path: Path, record: Callable[..., list[int]], size: int) -> None:
    """After a change of the configuration the newest decisions are still there, as many as fit."""
    with Ledger(path, 500) as ledger:
        seqs = record(ledger, 300)

    with Ledger(path, size) as ledger:
        seqs += record(ledger, 7)

        assert [seq for (seq,) in rows(path, "seq")] == seqs[-size:]


def test_answer_stands_beside_its_decision(path: Path, record: Callable[..., list[int]]) -> None:
    """An answer from another thread is written by the owner, and a later duplicate does not hide it."""
    with Ledger(path, 100) as ledger:
        fired, open_ = record(ledger, 2)
        thread = threading.Thread(
            target=lambda: [ledger.answer(answer_to(fired)), ledger.answer(answer_to(fired, "duplicate"))]
        )
        thread.start()
        thread.join(5)

        kept = ledger.flush()

        assert kept == 1
        assert rows(path, "seq, outcome") == [(fired, "fired"), (open_, None)]


def test_duplicate_that_comes_first_does_not_hide_the_movement(path: Path, record: Callable[..., list[int]]) -> None:
    """A gate that got a decision twice says so at once, and that it fired later: what is kept is that it fired."""
    with Ledger(path, 100) as ledger:
        twice, foreign = record(ledger, 2)
        for seq, outcome in ((twice, "duplicate"), (twice, "fired"), (twice, "duplicate"), (foreign, "duplicate")):
            ledger.answer(answer_to(seq, outcome))

        ledger.flush()

        assert rows(path, "seq, outcome") == [(twice, "fired"), (foreign, "duplicate")]


def test_answer_to_nothing_is_ignored(path: Path, record: Callable[..., list[int]]) -> None:
    """Answers to an unknown seq or another boot change nothing."""
    with Ledger(path, 100) as ledger:
        (seq,) = record(ledger)
        ledger.answer(answer_to(seq + 100))
        ledger.answer(answer_to(seq, boot="boot-0"))

        assert ledger.flush() == 0
        assert rows(path, "outcome") == [(None,)]


def test_answers_waiting_at_the_end_are_written(path: Path, record: Callable[..., list[int]]) -> None:
    """Closing writes what was handed over and not flushed yet."""
    with Ledger(path, 100) as ledger:
        (seq,) = record(ledger)
        ledger.answer(answer_to(seq, "expired"))

    assert rows(path, "outcome") == [("expired",)]


def test_too_many_answers_are_refused(path: Path) -> None:
    """The hand-over is bounded: a flood is refused, not hoarded."""
    with Ledger(path, 100) as ledger:
        taken = [ledger.answer(answer_to(seq)) for seq in range(1005)]

    assert taken == [True] * 1000 + [False] * 5


def test_published_is_marked(path: Path, record: Callable[..., list[int]], a_decision: Make) -> None:
    """The ledger tells what was sent from what only was decided."""
    with Ledger(path, 100) as ledger:
        sent, _unsent = record(ledger, 2)

        ledger.mark_published(a_decision(seq=sent))

    assert [published for (published,) in rows(path, "published")] == [1, 0]


@pytest.mark.parametrize("damage", ["not a database", "one page"])
def test_damaged_ledger_is_moved_aside(
    path: Path, record: Callable[..., list[int]], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A corrupt file is kept under another name, a new ledger begins above its numbers, and log and problems say so."""
    with Ledger(path, 1000) as ledger:
        used = record(ledger, 60)
        assert ledger.problems == ()
    time.sleep(0.1)  # no belt makes 60 decisions in less, on which the new numbers rely
    path.with_name("ledger.db-wal").unlink()  # it would mend some of the damage
    content = bytearray(path.read_bytes())
    content[slice(0, 100) if damage == "not a database" else slice(8192, 12000)] = b"\xa5"
    path.write_bytes(content)

    with Ledger(path, 1000) as ledger:
        assert record(ledger)[0] > max(used)
        assert ledger.problems == ("ledger-replaced",)

    assert path.with_name("ledger.db.corrupt-1").read_bytes() == bytes(content)
    assert "ledger damaged" in caplog.text
    with Ledger(path, 1000) as ledger:
        assert ledger.problems == ()


FIRST_LAYOUT = """
CREATE TABLE ring (
    slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, boot TEXT NOT NULL, item INTEGER NOT NULL, decision TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0, outcome TEXT, answer TEXT);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('next', 9000000000000), ('rows', 100);
PRAGMA application_id = 0x534C4C31;
"""


def test_ledger_of_the_first_layout_is_moved_aside(
    path: Path, record: Callable[..., list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon that was updated starts: the old file is kept, the log names both, and numbers go on above its own."""
    db = sqlite3.connect(path)
    db.executescript(FIRST_LAYOUT)
    db.close()
    content = path.read_bytes()

    with Ledger(path, 100) as ledger:
        assert record(ledger, 2) == [9_000_000_000_000, 9_000_000_000_001]
        assert ledger.problems == ()

    assert path.with_name("ledger.db.older-1").read_bytes() == content
    assert f"ledger of an older layout: {path} moved to {path}.older-1, a new one starts above it" in caplog.text


def test_deleted_ledger_does_not_start_the_numbers_again(path: Path, record: Callable[..., list[int]]) -> None:
    """Somebody who deletes the file does not make the device use a number twice."""
    with Ledger(path, 100) as ledger:
        used = record(ledger, 50)
    time.sleep(0.1)  # as above

    path.unlink()

    with Ledger(path, 100) as ledger:
        assert record(ledger)[0] > max(used)


def test_folder_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    """A path where no file can be is named together with its key."""
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "absent" / "ledger.db", tmp_path / "file" / "ledger.db", tmp_path):
        with pytest.raises(ConfigError, match=rf"{path}: ledger.path: expected a ledger that can be written"):
            Ledger(path, 100)


def test_foreign_database_is_left_alone(path: Path) -> None:
    """Somebody else's database is refused, and not moved or changed."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE ring (something TEXT)")
    db.close()

    before = path.read_bytes()

    with pytest.raises(ConfigError, match="somebody else's database"):
        Ledger(path, 100)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
