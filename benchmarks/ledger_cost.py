"""What the ledger adds to a decision, beside a bare INSERT of the same JSON into SQLite.

python benchmarks/ledger_cost.py [--decisions 5000] [--folder FOLDER]
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from edge.ledger.ledger import Ledger
from edge.metrics import percentiles
from edge.wire.messages import Answer, BinDecision, encode

ROWS = 100_000
"""As a line's file has it by default."""


def main() -> None:
    """Print both, in ms."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--decisions", type=int, default=5_000)
    arguments.add_argument("--folder", type=Path, help="on the disk in question; default: where temporary files lie")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        compare(Path(folder), options.decisions)


def compare(folder: Path, number: int) -> None:
    """Start, record with its answer, and the bare insert."""
    began_s = time.perf_counter()
    with Ledger(folder / "ledger.db", ROWS):
        made_s = time.perf_counter()
    print(f"first start, {ROWS} rows   {made_s - began_s:8.3f} s")
    began_s = time.perf_counter()
    with Ledger(folder / "ledger.db", ROWS) as ledger:
        print(f"later start           {time.perf_counter() - began_s:8.3f} s")
        show("record", timed(number, lambda: keep(ledger)))
    with closing(bare(folder / "bare.db")) as db:
        text = encode(a_decision(1))
        show("bare insert", timed(number, lambda: db.execute("INSERT INTO decisions VALUES (NULL, ?)", (text,))))


def keep(ledger: Ledger) -> float:
    """Ms of `record`; the rest of a decision's life is not on the way of a frame."""
    began_ns = time.perf_counter_ns()
    decision = ledger.record(a_decision)
    took_ms = (time.perf_counter_ns() - began_ns) / 1e6
    ledger.mark_published(decision)
    ledger.answer(
        Answer(
            line="line1", boot=decision.boot, seq=decision.seq, item=1, bin="recyclable", gate="west", outcome="fired"
        )
    )
    ledger.flush()
    return took_ms


def bare(path: Path) -> sqlite3.Connection:
    """The least that SQLite can do, with the same durability."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE decisions (seq INTEGER PRIMARY KEY, decision TEXT)")
    return db


def timed(number: int, once: Callable[[], object]) -> list[float]:
    """Ms of each call, or what it says that it took."""
    times_ms = []
    for _ in range(number):
        began_ns = time.perf_counter_ns()
        told = once()
        times_ms.append(told if isinstance(told, float) else (time.perf_counter_ns() - began_ns) / 1e6)
    return times_ms


def show(name: str, times_ms: list[float]) -> None:
    """One line."""
    figures = percentiles(times_ms)
    print(f"{name:20}  p50 {figures.p50:.3f}  p99 {figures.p99:.3f}  max {max(times_ms):.3f} ms")


def a_decision(seq: int) -> BinDecision:
    """Of the shipped model's four classes."""
    names = ("kitchen", "recyclable", "other", "hazardous")
    fields = {
        "line": "line1", "boot": "9f3a61c0d2b45e17", "seq": seq, "item": 42, "bin": "recyclable",
        "reason": "classified", "label": "recyclable", "confidence": 0.94, "probabilities": dict.fromkeys(names, 0.25),
        "t_ms": 91234.5,
        "captured_t_ms": 91203.1, "act_t_ms": 92703.1, "act_in_ms": 1468.6, "valid_ms": 1568.6, "x_mm": 212.0,
        "frames": 3, "model": "waste4-1/int8", "captured_at": "2026-11-22T18:00:00.000+00:00",
    }  # fmt: skip
    return msgspec.convert(fields, BinDecision)


if __name__ == "__main__":
    main()
