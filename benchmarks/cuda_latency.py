"""What a graphics card takes for a bundle's fp16 model, way by way of feeding it, and proof that it was the card.

Needs Python 3.11, numpy, opencv, msgspec and onnxruntime-gpu; with onnx also the row that sends float32 instead of
uint8. `python benchmarks/cuda_latency.py BUNDLE`, where BUNDLE came from `export --quantize fp16 --batch dynamic`.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from cuda_proof import proof, refusal, soak
from cuda_ways import WAYS, Call, Model, call_of, pictures_of

from edge.bundle.bundle import open_bundle
from edge.config import EngineConfig
from edge.engine.engine import Engine, open_engine
from edge.engine.onnx_cuda import WARM_UP
from edge.engine.onnx_session import onnxruntime
from edge.errors import SortlineError
from edge.preprocess import Box, crop_and_resize

BATCHES = (1, 8, 32)
DRY_BATCHES = (1, 2)
CALLS = 400
"""Of each way with one picture at a time; fewer with more."""
MACS = 3.856e9
"""Multiply-adds of ResNet50's convolutions at 224 x 224."""


def main() -> None:
    """Print a table, then the figures as one JSON object.

    Exit status 69 where no card runs the model, 1 where not all of it ran there or a hidden card went unnoticed.
    """
    options = _options()
    try:
        if options.only_open:
            print(_engine(options.bundle).why)
            return
        figures = _measure(options)
    except SortlineError as error:
        print(f"cuda_latency: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    print(json.dumps(figures))
    sys.exit(not (figures["proof"]["all on the card"] and figures["refusal"]["refused"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=150, help="begin no further measurement after so long")
    parser.add_argument("--soak", type=float, default=0, help="then classify for so many seconds and watch the memory")
    parser.add_argument("--peak-tflops", type=float, default=989.0, help="of the card in fp16: H100 SXM by default")
    parser.add_argument("--peak-gb-s", type=float, default=3350.0, help="of its memory")
    parser.add_argument("--dry-run", action="store_true", help="on the processor, what goes there: to try this program")
    parser.add_argument("--only-open", action="store_true", help="open the engine as the daemon does, and leave")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    end_s = time.monotonic() + options.seconds
    bundle = open_bundle(options.bundle)
    model = Model(bundle, dry=options.dry_run)
    figures: dict[str, Any] = {"onnxruntime": onnxruntime().__version__, "model": bundle.manifest.id}
    figures["refusal"] = refusal(__file__, options.bundle)
    figures["proof"] = proof(model)
    engine, figures["engine"] = (None, "not opened in a dry run") if options.dry_run else _opened(options.bundle)
    print(f"the daemon's engine: {figures['engine']}")
    figures["golden"] = _differences(model)
    _print(f"largest difference from the golden answers, tolerance {model.tolerance}", figures["golden"])
    for batch in DRY_BATCHES if options.dry_run else BATCHES:
        figures[f"batch {batch}"] = _rows(model, batch, engine, end_s)
        _print(f"batch {batch}, ms a call", figures[f"batch {batch}"])
    figures["floor"] = _floor(options, model)
    _print("floor, ms a call", figures["floor"])
    if engine and options.soak:
        figures["soak"] = soak(engine, pictures_of(1, model.size), options.soak)
    return figures


def _opened(bundle: Path) -> tuple[Engine | None, str]:
    """The daemon's engine and why, or why not: the other rows are worth having all the same."""
    began_s = time.monotonic()
    try:
        engine = _engine(bundle)
    except SortlineError as error:
        return None, f"refused: {error}"
    return engine, f"{engine.why}; open and proven in {time.monotonic() - began_s:.1f} s"


def _engine(bundle: Path) -> Engine:
    return open_engine(EngineConfig(runtime="onnxruntime-cuda"), open_bundle(bundle))


def _differences(model: Model) -> dict[str, str]:
    """How far each way's answers lie from those of the machine that exported the model."""
    found = {}
    for way in WAYS:
        try:
            answers = call_of(model, way, model.golden.inputs)()
        except Exception as error:  # noqa: BLE001 - as in the rows below
            found[way.name] = _refused(error)
        else:
            found[way.name] = f"{np.abs(answers - model.golden.expected).max():.2g}"
    return found


def _refused(error: Exception) -> str:
    return f"not here: {str(error).splitlines()[0][:160]}"


def _rows(model: Model, batch: int, engine: Engine | None, end_s: float) -> dict[str, dict[str, float] | str]:
    """All ways take turns, so that whatever else the machine does slows all of them alike."""
    calls: dict[str, Call] = {}
    rows: dict[str, dict[str, float] | str] = {}
    for way in WAYS:
        if time.monotonic() > end_s:
            rows[way.name] = "no time left"
            continue
        try:
            calls[way.name] = call_of(model, way, pictures_of(batch, model.size))
        except Exception as error:  # noqa: BLE001 - one way that this card lacks must not cost the other rows
            rows[way.name] = _refused(error)
    if engine and batch <= engine.batch:
        inputs = pictures_of(batch, model.size)
        calls["the daemon's engine"] = lambda: engine(inputs)
        if batch == 1:
            frame = pictures_of(1, 1280)[0][:720]
            box = Box(400, 200, 700, 460)
            calls["with crop and resize from 1280x720"] = lambda: engine(crop_and_resize(frame, model.size, box)[None])
    return {**_timed(calls, CALLS // batch + 50, batch, end_s), **rows}


def _timed(calls: dict[str, Call], rounds: int, batch: int, end_s: float) -> dict[str, dict[str, float] | str]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + WARM_UP):
        if number > WARM_UP and time.monotonic() > end_s:
            break
        for name, call in calls.items():
            started_ns = time.perf_counter_ns()
            call()
            if number >= WARM_UP:
                times[name].append((time.perf_counter_ns() - started_ns) / 1e6)
    return {
        name: {
            "p50": round(float(np.percentile(values, 50)), 3),
            "p99": round(float(np.percentile(values, 99)), 3),
            "pictures a second": round(batch * 1000 / float(np.median(values))),
            "calls": len(values),
        }
        for name, values in times.items()
        if values
    }


def _floor(options: argparse.Namespace, model: Model) -> dict[str, dict[str, float] | str]:
    """What arithmetic and reading the weights take at the card's stated peaks, no launch and no copy counted."""
    area = (model.size / 224) ** 2
    reading_ms = len(model.content) / options.peak_gb_s / 1e6
    computing_ms = {batch: 2 * MACS * area * batch / options.peak_tflops / 1e9 for batch in BATCHES}
    return {
        f"batch {batch}": {"arithmetic": round(ms, 4), "weights": round(reading_ms, 4)}
        for batch, ms in computing_ms.items()
    }


def _print(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, row in rows.items():
        told = row if isinstance(row, str) else "  ".join(f"{key} {value}" for key, value in row.items())
        print(f"  {name:42} {told}")


if __name__ == "__main__":
    main()
