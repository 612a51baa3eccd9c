"""The slow step of an export: make the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.photos.dataset import content_sha256
from export.apart import apart
from export.choice import Trial, best_recipe
from export.float16 import write_fp16_onnx
from export.model import Run, load_network
from export.onnx_float import OPSET, write_float_onnx
from export.plan import Plan
from export.progress import say
from export.quantize import Calibration, Recipe, method_words, write_int8_onnx
from export.sensitivity import InFloat
from export.tflite import check_old_runtime, write_tflite
from export.variants import KINDS, Kind

OLD_RUNTIME = {
    "int8": "tflite-runtime 2.14 does not run it fast (145 ms where ai-edge-litert takes 21)",
    "dynamic": "tflite-runtime 2.14 does not load it",
}
"""What to say of a TFLite model, by precision."""
FP32, INT8, FP16 = KINDS["fp32"], KINDS["int8"], KINDS["fp16"]


@dataclass(frozen=True)
class Making:
    """The models that were made, and how."""

    models: Mapping[Kind, Path]
    """Float32 ONNX, which everything else is held against, is always among them."""
    recipe: Recipe | None = None
    """Of int8 ONNX, when that was asked for."""
    trials: tuple[Trial, ...] = ()
    """Of calibration methods."""
    in_float: InFloat | None = None
    """What the gate made stay in float."""


def make_models(plan: Plan, folder: Path) -> Making:
    """Write the plan's models into `folder`; float32 ONNX is always made.

    Raises the SortlineError of a network, a photo or a graph that cannot be used.
    """
    say("converting to float32 ONNX")
    models = {FP32: apart(folder, _convert, plan.run, plan.making.batch, folder)}
    recipe: Recipe | None = None
    trials: tuple[Trial, ...] = ()
    if INT8.name in plan.precisions:
        recipe, trials = best_recipe(plan, models[FP32], folder)
        models[INT8] = folder / INT8.file
        quantize(plan, recipe, models[FP32], models[INT8], folder)
    if FP16.name in plan.precisions:
        say("converting to float16 ONNX")
        models[FP16] = folder / FP16.file
        apart(folder, write_fp16_onnx, models[FP32], models[FP16])
    models |= _make_tflite(plan, folder)
    return Making(models, recipe, trials)


def quantize(plan: Plan, recipe: Recipe, float_onnx: Path, target: Path, folder: Path) -> None:
    """Write the int8 ONNX file of `recipe`. Ranges that are in `folder` already are not measured again."""
    say(f"quantizing to int8 by {method_words(recipe)} of {len(plan.calibration)} training photos")
    apart(folder, write_int8_onnx, float_onnx, recipe, calibration(plan, folder), target)


def calibration(plan: Plan, folder: Path) -> Calibration:
    """The plan's calibration photos, with the ranges kept in `folder`."""
    return Calibration(plan.calibration, plan.run.record.size, folder)


def making_report(plan: Plan, making: Making) -> dict[str, Any]:
    """What parity.json says of the making: by hash the photos that were calibrated on; no path, no photo."""
    contents = content_sha256(plan.calibration)
    recipe = making.recipe
    return {
        "onnx_opset": OPSET,
        "batch": plan.making.batch or "dynamic",
        "calibration": {
            "method": method_words(recipe) if recipe else None,
            "reduce_range": plan.making.reduce_range,
            "trials": [trial.report() for trial in making.trials],
            "seed": plan.seed,
            "sha256": [contents[photo.path] for photo in plan.calibration],
        },
        "left_in_float": making.in_float.report() if making.in_float else None,
    }


def _convert(run: Run, batch: int | None, folder: Path) -> Path:
    return write_float_onnx(load_network(run), run.record.size, folder, batch)


def _make_tflite(plan: Plan, folder: Path) -> dict[Kind, Path]:
    kinds = [kind for name in plan.precisions if (kind := KINDS[name]).format == "tflite"]
    if kinds:
        say(f"converting to TFLite: {', '.join(kind.precision for kind in kinds)}")
        apart(folder, _convert_tflite, plan, kinds, folder)
    for kind in kinds:
        if kind.precision in OLD_RUNTIME:
            say(f"{kind.file}: {OLD_RUNTIME[kind.precision]}; install ai-edge-litert")
        check_old_runtime(folder / kind.file, plan.run.record.size)
    return {kind: folder / kind.file for kind in kinds}


def _convert_tflite(plan: Plan, kinds: Sequence[Kind], folder: Path) -> None:
    network = load_network(plan.run)
    for kind in kinds:
        write_tflite(network, plan.run.record.size, kind.precision, plan.calibration, folder / kind.file)
