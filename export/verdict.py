"""Judges all models of an export on the test photos, and keeps what the report and the bundle say of it."""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.classifier import Probabilities
from edge.photos.dataset import Photo
from export.apart import apart
from export.model import KerasClassifier, Run, load_network
from export.parity import Parity, classify_all, compare, open_model
from export.plan import Plan, by_content
from export.progress import say
from export.statistics import Exam, reference_figures
from export.variants import Kind

KERAS = "keras"
LITTLE = "<f4"
"""How answers are kept: float32, little-endian."""


@dataclass(frozen=True)
class Verdict:
    """How every model did beside the trained network."""

    photos: Sequence[Photo]
    exam: Exam
    answers: Mapping[Kind, Probabilities]
    rows: tuple[Parity, ...]
    """One for each model, in the same order."""

    @property
    def reference(self) -> dict[str, float]:
        """Figures of the trained network."""
        return reference_figures(self.exam)

    @property
    def failures(self) -> tuple[str, ...]:
        """One clause for each limit that a model missed."""
        return tuple(f"{row.file}: {failure}" for row in self.rows for failure in row.failures)


def judge(plan: Plan, models: Mapping[Kind, Path], folder: Path) -> Verdict:
    """Run the trained network and its models over the test photos and compare."""
    record = plan.run.record
    say(f"classifying {len(plan.test)} test photos with the trained network")
    reference = apart(folder, _reference, plan.run, plan.test)
    say(f"checking parity of {', '.join(kind.file for kind in models)}")
    opened = {kind.file: open_model(path, kind.format, cores()) for kind, path in models.items()}
    answers = classify_all(opened, plan.test, record.size)
    exam = Exam(record.labels, np.array(plan.truth), reference)
    return Verdict(
        photos=plan.test,
        exam=exam,
        answers={kind: answers[kind.file] for kind in models},
        rows=tuple(compare(kind, answers[kind.file], exam, plan.limits) for kind in models),
    )


def parity_report(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """What parity.json says: figures, limits, the trained network's answers; no path, no photo.

    `answers` is what `export verify` repeats the gate with where there is no Keras: (photos, classes) in the order of
    the photos' sha256, and a sha256 over those that tells whether a dataset has the same test photos.
    """
    return {
        "dataset": {"name": plan.identity.dataset, "fingerprint": plan.identity.fingerprint},
        "test_photos": len(plan.test),
        "trained_network": verdict.reference,
        "limits": msgspec.structs.asdict(plan.limits),
        "models": [msgspec.to_builtins(row) for row in verdict.rows],
        "answers": _recorded(verdict),
    }


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def _reference(run: Run, photos: Sequence[Photo]) -> Probabilities:
    """What the trained network says of each photo."""
    network = KerasClassifier(load_network(run), run.record.size)
    return classify_all({KERAS: network}, photos, run.record.size)[KERAS]


def _recorded(verdict: Verdict) -> dict[str, str]:
    content = verdict.exam.reference.astype(LITTLE).tobytes()
    return {"photos_sha256": by_content(verdict.photos)[1], "float32": base64.b64encode(content).decode()}
