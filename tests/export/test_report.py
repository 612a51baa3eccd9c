"""The tables of the gate."""

import numpy as np
import pytest

from export.latency import Speed
from export.parity import Limits, Parity, compare
from export.report import print_verdict
from export.statistics import Exam, reference_figures
from export.variants import KINDS

LABELS = ("kitchen", "recyclable", "other", "hazardous")


def test_every_column_fits_into_eighty(capsys: pytest.CaptureFixture[str]) -> None:
    """Through a pipe no head and no figure is cut, with class names of every length."""
    labels = (*LABELS[:3], "hazardous household waste")
    exam = _exam(labels)
    rows = [compare(kind, _near(exam), exam, Limits(protect=labels)) for kind in KINDS.values()]

    print_verdict(reference_figures(exam), rows, _speeds())

    told = capsys.readouterr().out
    assert "…" not in told
    for head in ("figure", "trained", "exported", "lost", "95 % interval", "limit", "gate", "threads", "p50 ms", "p90"):
        assert head in told
    tables = [line for line in told.splitlines() if not line.startswith(("FAILS", "WARNING"))]
    assert max(map(len, tables)) <= 80


def test_the_rows_that_fail_are_marked_and_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that misses its limit says FAILS at its end, and in a line of its own below the tables."""
    exam = _exam(LABELS)
    answers = exam.reference.copy()
    answers[:12] = np.roll(answers[:12], 1, axis=1)

    print_verdict(reference_figures(exam), [compare(KINDS["int8"], answers, exam, Limits())], ())

    lines = capsys.readouterr().out.splitlines()
    failing = {line[:18].strip() for line in lines if line.rstrip().endswith("FAILS")}
    assert failing == {"accuracy", "agreement", *(f"recall {label}" for label in LABELS)}
    assert "FAILS model-int8.onnx: agreement 0.9700, limit >= 0.99" in lines


def test_int8_that_is_not_faster_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Quantized for nothing: the line names the file, the threads and how slow it is."""
    exam = _exam(LABELS)
    rows = [compare(KINDS["int8"], exam.reference, exam, Limits())]

    print_verdict(reference_figures(exam), rows, _speeds(times=0.8))

    told = " ".join(capsys.readouterr().out.split())
    assert "WARNING model-int8.onnx is not faster than float32 here with 1 thread: 0.80 times its speed" in told


def test_nothing_is_warned_of_where_int8_pays(capsys: pytest.CaptureFixture[str]) -> None:
    """Three times the speed needs no comment."""
    exam = _exam(LABELS)
    rows: list[Parity] = [compare(KINDS["int8"], exam.reference, exam, Limits())]

    print_verdict(reference_figures(exam), rows, _speeds(times=3.4))

    assert "WARNING" not in capsys.readouterr().out


def _exam(labels: tuple[str, ...]) -> Exam:
    truth = np.arange(400) % len(labels)
    return Exam(labels, truth, (0.05 + 0.8 * np.eye(len(labels))[truth]).astype(np.float32))


def _near(exam: Exam) -> np.ndarray:
    answers = exam.reference.copy()
    answers[7] = np.roll(answers[7], 1)
    return answers


def _speeds(times: float = 2.0) -> list[Speed]:
    common = {"bytes": 25_000_000, "threads": 1, "rounds": 30, "p50_ms": 1021.5, "p90_ms": 1123.4}
    return [
        Speed(file=kind.file, times_fp32=times, size_share=0.25, **common)  # type: ignore[arg-type]
        for kind in KINDS.values()
    ]
