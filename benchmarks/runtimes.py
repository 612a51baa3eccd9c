"""The same int8 network in every runtime that is installed, taking turns: is ours within 10 % of the fastest?

`python benchmarks/runtimes.py BUNDLE [--threads 1] [--rounds 200]`, of a bundle with int8 for ONNX and for TFLite
(`export --quantize int8 --quantize tflite-int8`). OpenVINO joins where it is installed; it reads the ONNX file.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from edge.bundle.bundle import Bundle, open_bundle
from edge.engine.runtimes import on_processor, open_runner
from edge.engine.tuning import Tuning
from edge.errors import ProviderError

WARM_UP = 5
WITHIN = 1.1

Call = Callable[[Any], Any]


def main() -> None:
    """Print a table, then the figures as one JSON object; exit status 1 where onnxruntime is slower than WITHIN."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    figures = _taking_turns(_calls(bundle, options.threads), bundle, options.rounds)
    fastest = min(row["p50"] for row in figures.values())
    for name, row in figures.items():
        print(f"{name:18} p10 {row['p10']:7.2f}  p50 {row['p50']:7.2f}  p90 {row['p90']:7.2f} ms", end="")
        print(f"  {row['p50'] / fastest:.2f} of the fastest")
    print(json.dumps(figures))
    sys.exit(figures["onnxruntime-cpu"]["p50"] > WITHIN * fastest)


def _calls(bundle: Bundle, threads: int) -> dict[str, Call]:
    calls: dict[str, Call] = {}
    for variant in bundle.manifest.variants:
        if variant.precision == "int8":
            runtime = on_processor(variant)
            try:
                calls[runtime] = open_runner(runtime, bundle.members[variant.file], Tuning(threads))
            except ProviderError as error:
                print(f"{runtime}: {error}", file=sys.stderr)
    if importlib.util.find_spec("openvino"):
        calls["openvino"] = _openvino(bundle.members["model-int8.onnx"], threads)
    return calls


def _openvino(model: bytes, threads: int) -> Call:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model)
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        began_s = time.monotonic()
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    print(f"openvino took {time.monotonic() - began_s:.1f} s to compile the model", file=sys.stderr)
    request = compiled.create_infer_request()
    return lambda inputs: request.infer({0: inputs}, share_inputs=True, share_outputs=True)[0]


def _taking_turns(calls: dict[str, Call], bundle: Bundle, rounds: int) -> dict[str, dict[str, float]]:
    inputs = bundle.golden(bundle.manifest.variants[0]).inputs
    taken_ms: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(WARM_UP + rounds):
        one = inputs[number % len(inputs)][None]
        for name, call in calls.items():
            started_ns = time.perf_counter_ns()
            call(one)
            taken_ms[name].append((time.perf_counter_ns() - started_ns) / 1e6)
    shares = (10, 50, 90)
    return {
        name: {f"p{share}": round(float(np.percentile(times[WARM_UP:], share)), 2) for share in shares}
        for name, times in taken_ms.items()
    }


if __name__ == "__main__":
    main()
