"""The golden self-test: a model answers here as it did where it was exported, or it does not run."""

import time

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import Variant
from edge.classifier import Probabilities
from edge.engine.runtimes import Runner
from edge.errors import BundleError
from edge.preprocess import Image


def prove(bundle: Bundle, variant: Variant, runner: Runner) -> list[float]:
    """Run the golden pictures one at a time, and together where the runner takes several.

    Returns how many ms each picture took alone. Raises BundleError when an answer differs by more than the variant's
    tolerance, or is none.
    """
    golden, where = bundle.golden(variant), f"{bundle.path}: {variant.file}"
    try:
        took_ms, alone = _one_by_one(runner, golden.inputs)
        together = runner(golden.inputs) if runner.batch > 1 else alone
    except Exception as error:  # whatever a runtime raises for a graph that takes something else
        said = " ".join(str(error).split())  # the first line alone names no size
        raise BundleError(
            f"{where}: expected a model of uint8 pictures {golden.inputs.shape[1:]}, it says {said}"
        ) from error
    for answers in (alone, together):
        _compare(answers, golden.expected, variant.tolerance, where)
    return took_ms


def _one_by_one(runner: Runner, inputs: Image) -> tuple[list[float], Probabilities]:
    took_ms, answers = [], []
    for index in range(len(inputs)):
        started_ns = time.perf_counter_ns()
        answers.append(runner(inputs[index : index + 1]))
        took_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
    return took_ms, np.concatenate(answers)


def _compare(answers: Probabilities, expected: Probabilities, tolerance: float, where: str) -> None:
    if answers.shape != expected.shape:
        raise BundleError(f"{where}: expected probabilities {expected.shape}, found {answers.shape}")
    worst = float(np.abs(answers - expected).max())
    if not worst <= tolerance:
        raise BundleError(
            f"{where}: golden inputs differ by {worst:.3f} here, tolerance {tolerance}; "
            "this processor computes other answers than the one that exported it"
        )
