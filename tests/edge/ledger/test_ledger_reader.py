import csv
import io
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.ledger.ledger import Ledger
from edge.wire.messages import Answer, BinDecision

Make = Callable[..., BinDecision]
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def ledger(tmp_path: Path, a_decision: Make) -> Any:
    """Five decisions, one a minute from 10:00 on: two runs, two bins; the second answered, the last two unpublished."""
    with Ledger(tmp_path / "ledger.db", 100) as ledger:
        for item, (boot, bin_name) in enumerate(
            [("b1", "metal"), ("b1", "metal"), ("b1", "glass"), ("b2", "glass")] * 1
        ):
            decision = ledger.record(
                lambda seq, item=item, boot=boot, bin_name=bin_name: a_decision(
                    seq=seq, item=item, boot=boot, bin=bin_name, captured_at=f"2026-03-01T10:0{item}:00.000+00:00"
                )
            )
            if item < 2:
                ledger.mark_published(decision)
            if item == 1:
                ledger.answer(
                    Answer(line="l1", boot=boot, seq=decision.seq, item=1, bin=bin_name, gate="g", outcome="expired")
                )
        ledger.flush()
        yield ledger


def told(path: Path, *options: str) -> tuple[int, str, str]:
    """What `python -m edge ledger` does: status, output, errors."""
    done = subprocess.run(
        [sys.executable, "-m", "edge", "ledger", str(path), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TZ": "Asia/Tokyo"},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "items"),
    [
        ((), [0, 1, 2, 3]),
        (("--limit", "2"), [2, 3]),
        (("--boot", "b1"), [0, 1, 2]),
        (("--bin", "glass", "--boot", "b1"), [2]),
        (("--reason", "unsure"), []),
        (("--outcome", "expired"), [1]),
        (("--unanswered", "--bin", "metal"), [0]),
        (("--since", "2026-03-01T10:01"), [1, 2, 3]),
        (("--since", "2026-03-01 10:01:30", "--until", "2026-03-01T10:03:00"), [2]),
    ],
)
def test_ledger_is_listed_while_the_daemon_writes(
    ledger: Ledger, tmp_path: Path, options: tuple[str, ...], items: list[int]
) -> None:
    """What fits the question, oldest first; times are UTC wherever the device stands."""
    assert ledger.count == 4

    status, output, _ = told(tmp_path / "ledger.db", *options, "--csv")

    rows = list(csv.DictReader(io.StringIO(output)))
    assert status == 0
    assert [int(row["item"]) for row in rows] == items


def test_list_for_people_says_what_became_of_each(ledger: Ledger, tmp_path: Path) -> None:
    """One line a decision: when, number, bin, why, whether it was sent and what the gate answered."""
    assert ledger.count == 4

    _, output, _ = told(tmp_path / "ledger.db")

    lines = output.splitlines()
    assert len(lines) == 4
    assert "item=1 bin=metal classified" in lines[1]
    assert lines[1].endswith("outcome=expired error_ms=-")
    assert "unpublished outcome=-" in lines[3]


def test_reading_does_not_give_the_logs_space_back(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever looks at a stopped line's ledger leaves its files as they are."""
    ledger.__exit__(None, None, None)
    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}

    told(tmp_path / "ledger.db")
    after = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    ledger._open()

    assert after == files


def test_what_is_no_ledger_is_named(tmp_path: Path) -> None:
    """One line, exit status 2."""
    (tmp_path / "text").write_text("no database " * 100)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE x (y)").connection.close()

    for name, found in (("absent", "no such file"), ("text", "not a database"), ("other.db", "no such table")):
        status, output, errors = told(tmp_path / name)
        assert (status, output) == (2, "")
        assert len(errors.splitlines()) == 1
        assert str(tmp_path / name) in errors
        assert found in errors
