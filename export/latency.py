"""How long every model takes on this host, one photo at a time, beside float32.

Times are of this host and this minute. They go to the terminal and into the report beside the bundle, never into the
bundle: the same run must give the same bytes, and a device has times of its own (`sortline-edge bench`).
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge.classifier import Classifier
from edge.preprocess import Image
from export.parity import open_model
from export.progress import say
from export.variants import KINDS, Kind
from export.verdict import cores

ROUNDS = 30
LIMIT_S = 5.0
"""For all models with one number of threads; slow ones get fewer rounds."""
LEAST_ROUNDS = 5
WARM_UP = 2
"""Calls before the clock runs: the first ones allocate."""
BASE = KINDS["fp32"]


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How long one model takes with so many threads."""

    file: str
    bytes: int
    threads: int
    rounds: int
    p50_ms: float
    p90_ms: float
    times_fp32: float | None = None
    """How many times faster than float32 ONNX, by p50; None where that was not measured."""
    size_share: float | None = None
    """Of the size of float32 ONNX."""

    @property
    def megabytes(self) -> float:
        """Size in 10^6 bytes."""
        return self.bytes / 1e6


def measure(models: Mapping[Kind, Path], inputs: Image) -> tuple[Speed, ...]:
    """Time every model on `inputs` (N, size, size, 3), in turn, with one thread and with all that there are."""
    say(f"timing {len(models)} models")
    return tuple(speed for threads in sorted({1, cores()}) for speed in _with_threads(models, inputs, threads))


def slow_int8(speeds: Sequence[Speed]) -> tuple[str, ...]:
    """One line for each int8 model that takes as long as float32, or longer."""
    return tuple(
        f"{speed.file} is not faster than float32 here with {speed.threads} thread{'s' * (speed.threads > 1)}: "
        f"{speed.times_fp32:.2f} times its speed; this processor may lack int8 dot products (VNNI, SDOT)"
        for speed in speeds
        if "int8" in speed.file and speed.times_fp32 is not None and speed.times_fp32 <= 1
    )


def figures_of(file: str, speeds: Sequence[Speed]) -> dict[str, float]:
    """Size and times of one model by name, for one line of JSON: p50_ms.1 is with one thread."""
    figures: dict[str, float] = {}
    for speed in speeds:
        if speed.file == file:
            times = {"p50_ms": speed.p50_ms, "p90_ms": speed.p90_ms, "times_fp32": speed.times_fp32 or 0.0}
            figures |= {"bytes": speed.bytes} | {f"{name}.{speed.threads}": value for name, value in times.items()}
    return figures


def _with_threads(models: Mapping[Kind, Path], inputs: Image, threads: int) -> list[Speed]:
    opened = {kind: open_model(path, kind.format, threads) for kind, path in models.items()}
    taken_ms = _interleaved(opened, inputs)
    speeds = [_speed(kind, models[kind], threads, times) for kind, times in taken_ms.items()]
    base = next((speed for speed in speeds if speed.file == BASE.file), None)
    return [_beside(speed, base) for speed in speeds]


def _interleaved(models: Mapping[Kind, Classifier], inputs: Image) -> dict[Kind, list[float]]:
    """Milliseconds of each call. All models take turns: what else the host does slows all of them alike.

    The first call of a turn is not counted: it brings back into the caches what the model before it drove out, and on
    a line there is no model before it.
    """
    for classify in models.values():
        for _ in range(WARM_UP):
            classify(inputs[:1])
    taken_ms: dict[Kind, list[float]] = {kind: [] for kind in models}
    end_s = time.monotonic() + LIMIT_S
    for number in range(ROUNDS):
        if number >= LEAST_ROUNDS and time.monotonic() > end_s:
            break
        one = inputs[number % len(inputs)][None]
        for kind, classify in models.items():
            classify(one)
            taken_ms[kind].append(_timed_ms(classify, one))
    return taken_ms


def _timed_ms(classify: Classifier, one: Image) -> float:
    started_ns = time.perf_counter_ns()
    classify(one)
    return (time.perf_counter_ns() - started_ns) / 1e6


def _speed(kind: Kind, path: Path, threads: int, taken_ms: Sequence[float]) -> Speed:
    p50, p90 = np.percentile(taken_ms, (50, 90))
    return Speed(
        file=kind.file,
        bytes=path.stat().st_size,
        threads=threads,
        rounds=len(taken_ms),
        p50_ms=float(p50),
        p90_ms=float(p90),
    )


def _beside(speed: Speed, base: Speed | None) -> Speed:
    if base is None:
        return speed
    return msgspec.structs.replace(speed, times_fp32=base.p50_ms / speed.p50_ms, size_share=speed.bytes / base.bytes)
