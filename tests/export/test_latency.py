"""The timing of all models on this host."""

import time
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.bundle import open_bundle
from export.latency import LEAST_ROUNDS, ROUNDS, Speed, _interleaved, figures_of, measure, slow_int8
from export.variants import KINDS, Kind
from export.verdict import cores

INPUTS = np.zeros((4, 32, 32, 3), np.uint8)


def test_every_model_is_timed_with_one_thread_and_with_all(tmp_path: Path, exported: Path) -> None:
    """Sizes, percentiles, and the ratio to float32 ONNX, which is once itself."""
    models = _files(tmp_path, exported)

    speeds = measure(models, INPUTS)

    assert [(s.file, s.threads) for s in speeds] == [(k.file, t) for t in sorted({1, cores()}) for k in models]
    for speed in speeds:
        assert 0 < speed.p50_ms <= speed.p90_ms
        assert speed.bytes == (tmp_path / speed.file).stat().st_size
        assert LEAST_ROUNDS <= speed.rounds <= ROUNDS
    assert {speed.times_fp32 for speed in speeds if speed.file == "model-fp32.onnx"} == {1.0}
    base, quantized = speeds[:2]
    assert quantized.times_fp32 == pytest.approx(base.p50_ms / quantized.p50_ms)
    assert quantized.size_share == pytest.approx(quantized.bytes / base.bytes)


def test_models_take_turns() -> None:
    """Whatever else the host does then slows all of them alike, and ratios hold; each has its weights at hand again."""
    order: list[str] = []

    def told(name: str) -> object:
        return lambda inputs: order.append(name) or inputs

    taken_ms = _interleaved({KINDS["fp32"]: told("a"), KINDS["int8"]: told("b")}, INPUTS)  # type: ignore[dict-item]

    assert order[-4 * ROUNDS :] == ["a", "a", "b", "b"] * ROUNDS
    assert {len(times) for times in taken_ms.values()} == {ROUNDS}


def test_a_slow_model_gets_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for all is limited; a handful of rounds is always made."""
    monkeypatch.setattr("export.latency.LIMIT_S", 0.02)

    taken_ms = _interleaved({KINDS["fp32"]: lambda inputs: time.sleep(0.01) or inputs}, INPUTS)  # type: ignore[dict-item, func-returns-value]

    assert len(taken_ms[KINDS["fp32"]]) == LEAST_ROUNDS


@pytest.mark.parametrize(
    ("file", "times", "warned"),
    [
        ("model-int8.onnx", 0.9, True),
        ("model-int8.tflite", 1.0, True),
        ("model-int8.onnx", 1.1, False),
        ("model-fp16.onnx", 0.2, False),
        ("model-int8.onnx", None, False),
    ],
)
def test_only_int8_that_does_not_pay_is_warned_of(file: str, times: float | None, warned: bool) -> None:
    """The others are made for other reasons; what was not compared is not judged."""
    speed = Speed(file=file, bytes=1, threads=2, rounds=5, p50_ms=1, p90_ms=1, times_fp32=times)

    lines = slow_int8([speed])

    assert bool(lines) is warned


def test_the_figures_of_one_model_are_named_by_threads() -> None:
    """One flat line of JSON for each model."""
    speeds = [Speed(file="a", bytes=7, threads=n, rounds=5, p50_ms=n, p90_ms=2 * n, times_fp32=1) for n in (1, 4)]

    figures = figures_of("a", speeds)

    assert (figures["bytes"], figures["p50_ms.1"], figures["p90_ms.4"]) == (7, 1, 8)
    assert figures_of("b", speeds) == {}


def _files(folder: Path, bundle: Path) -> dict[Kind, Path]:
    members = open_bundle(bundle).members
    kinds = [KINDS["fp32"], KINDS["int8"]]
    for kind in kinds:
        (folder / kind.file).write_bytes(members[kind.file])
    return {kind: folder / kind.file for kind in kinds}
