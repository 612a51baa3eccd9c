"""Chooses how to calibrate: each method quantizes, and the one nearest to float32 on held-out photos is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Probabilities
from edge.engine.onnx_cpu import OnnxCpu
from edge.engine.tuning import Tuning
from edge.preprocess import Image, model_input
from export.apart import apart
from export.parity import PerPhoto
from export.plan import Plan
from export.progress import say, watched
from export.quantize import METHODS, Calibration, Method, Recipe, available_methods, write_int8_onnx
from export.verdict import cores


@dataclass(frozen=True)
class Trial:
    """How one calibration method did on the held-out training photos, beside float32 ONNX."""

    method: Method
    mean_abs_dp: float
    agreement: float

    def report(self) -> dict[str, Any]:
        """As parity.json has it."""
        return {"method": self.method, "mean_abs_dp": self.mean_abs_dp, "agreement": self.agreement}


def best_recipe(plan: Plan, float_onnx: Path, folder: Path) -> tuple[Recipe, tuple[Trial, ...]]:
    """The recipe that was asked for, or for "auto" the best one with how all did. No test photo is looked at.

    Least mean |dp| is best, agreement decides between equals: of a few hundred photos that differ by one, it is chance.
    """
    if plan.making.method != "auto":
        return Recipe(plan.making.method, plan.making.reduce_range), ()
    for missing in sorted(set(METHODS) - set(available_methods())):
        say(f"{missing} is not installed: auto goes on without it")
    pictures = held_out_pictures(plan)
    reference = PerPhoto(OnnxCpu(float_onnx.read_bytes(), Tuning(cores())))(pictures)
    trials = tuple(_try(plan, method, float_onnx, pictures, reference, folder) for method in available_methods())
    best = min(trials, key=lambda trial: (trial.mean_abs_dp, -trial.agreement))
    say(f"calibration: {best.method} is nearest to float32")
    return Recipe(best.method, plan.making.reduce_range), trials


def held_out_pictures(plan: Plan) -> Image:
    """(N, size, size, 3) uint8: training photos that are not calibrated on."""
    photos = watched(plan.held_out, "reading held-out training photos")
    return np.stack([model_input(photo.path, plan.run.record.size) for photo in photos])


def _try(
    plan: Plan, method: Method, float_onnx: Path, pictures: Image, reference: Probabilities, folder: Path
) -> Trial:
    say(f"trying calibration {method}")
    target = folder / f"trial-{method}.onnx"
    calibration = Calibration(plan.calibration, plan.run.record.size, folder)
    apart(folder, write_int8_onnx, float_onnx, Recipe(method, plan.making.reduce_range), calibration, target)
    answers = PerPhoto(OnnxCpu(target.read_bytes(), Tuning(cores())))(pictures)
    trial = Trial(
        method=method,
        mean_abs_dp=float(np.abs(answers - reference).mean()),
        agreement=float((answers.argmax(axis=1) == reference.argmax(axis=1)).mean()),
    )
    say(f"{method}: mean |dp| {trial.mean_abs_dp:.4f}, agreement {trial.agreement:.4f} on {len(pictures)} photos")
    return trial
