"""The slow steps of an export: make the models, judge them on the test photos."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.classifier import Classifier
from edge.dataset import content_sha256
from export.model import KerasClassifier, Network, load_network
from export.onnx_float import OPSET, write_float_onnx
from export.parity import Exam, Parity, accuracy_of, classify_all, compare, open_onnx, recall_by_class
from export.plan import Plan
from export.progress import say
from export.quantize import PERCENTILE, write_int8_onnx

KERAS = "keras"


@dataclass(frozen=True)
class Verdict:
    """How every model did beside the trained network."""

    accuracy: float
    """Of the trained network."""
    recall: Mapping[str, float]
    rows: tuple[Parity, ...]
    """By precision: fp32, which everything else comes from, is always among them."""

    @property
    def failures(self) -> tuple[str, ...]:
        """One clause for each limit that a model missed."""
        return tuple(f"{row.file}: {failure}" for row in self.rows for failure in row.failures)


def make_models(plan: Plan, folder: Path) -> tuple[Network, dict[str, Path]]:
    """Load the network and write its models into `folder`, by precision; fp32 is always made."""
    size = plan.run.record.size
    say(f"loading {plan.run.model}")
    network = load_network(plan.run)
    say("converting to float32 ONNX")
    models = {"fp32": write_float_onnx(network, size, folder)}
    if "int8" in plan.precisions:
        say(f"quantizing to int8 on {len(plan.calibration)} training photos")
        models["int8"] = folder / "int8.onnx"
        write_int8_onnx(models["fp32"], plan.calibration, size, models["int8"])
    return network, models


def judge(plan: Plan, network: Network, models: Mapping[str, Path]) -> Verdict:
    """Run network and models over the test photos and compare."""
    record = plan.run.record
    say(f"checking parity on {len(plan.test)} test photos")
    classifiers: dict[str, Classifier] = {KERAS: KerasClassifier(network, record.size)}
    classifiers |= {precision: open_onnx(path, _cores()) for precision, path in models.items()}
    answers = classify_all(classifiers, plan.test, record.size)
    exam = Exam(record.labels, np.array(plan.truth), answers[KERAS])
    return Verdict(
        accuracy=accuracy_of(exam.reference, exam.truth),
        recall=recall_by_class(exam.reference, exam.truth, exam.labels),
        rows=tuple(compare(precision, answers[precision], exam, plan.limits) for precision in models),
    )


def parity_report(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """What parity.json says: figures, limits, and by hash the photos that were calibrated on; no path, no photo."""
    contents = content_sha256(plan.calibration)
    return {
        "dataset": {"name": plan.identity.dataset, "fingerprint": plan.identity.fingerprint},
        "test_photos": len(plan.test),
        "trained_network": {"accuracy": verdict.accuracy, "recall": dict(verdict.recall)},
        "limits": msgspec.structs.asdict(plan.limits),
        "models": [msgspec.structs.asdict(row) for row in verdict.rows],
        "onnx_opset": OPSET,
        "calibration": {
            "method": f"percentile {PERCENTILE}",
            "seed": plan.seed,
            "sha256": [contents[photo.path] for photo in plan.calibration],
        },
    }


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
