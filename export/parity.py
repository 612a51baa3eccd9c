"""Holds every variant against the trained network on the test photos, and says which may not ship."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classifier, OnnxClassifier, Probabilities
from edge.dataset import Photo
from edge.preprocess import Image, model_input
from export.progress import watched

BATCH = 32
ROUNDING = 1e-9
"""A drop of exactly the limit passes: 1 of 200 photos is 0.005000000000000004 in float64."""


Truth = NDArray[np.int64]
"""(photos,) the class index of each."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant may lose."""

    max_drop: float
    """Of accuracy, as a share: 0.005 is half a point."""
    min_agreement: float
    """Share of photos on which it decides as the trained network."""
    max_float_abs_dp: float = 1e-4
    """Largest difference of a probability in float32: beyond it, the conversion changed the network.

    Below it, another decision is possible only where two classes were closer than twice this.
    """


@dataclass(frozen=True)
class Exam:
    """What the test photos show, and what the trained network says of them."""

    labels: Sequence[str]
    truth: Truth
    reference: Probabilities


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How one model file does on the test photos, beside the trained network."""

    file: str
    precision: str
    n: int
    accuracy: float
    accuracy_drop: float
    agreement: float
    mean_abs_dp: float
    max_abs_dp: float
    recall: dict[str, float]
    """Of every class that has test photos."""
    failures: tuple[str, ...]
    """One clause for each limit that it missed."""


class PerPhoto:
    """Feeds a model whose batch is always one."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        return np.concatenate([self._classifier(inputs[index : index + 1]) for index in range(len(inputs))])


def open_onnx(path: Path, threads: int) -> PerPhoto:
    """The ONNX file at `path` in the same engine as on the line."""
    return PerPhoto(OnnxClassifier(path.read_bytes(), "cpu", threads))


def classify_all(classifiers: Mapping[str, Classifier], photos: Sequence[Photo], size: int) -> dict[str, Probabilities]:
    """What each classifier says of each photo, (photos, classes). A batch at a time: memory does not grow with them."""
    answers: dict[str, list[Probabilities]] = {name: [] for name in classifiers}
    for batch in _batches(photos):
        inputs = np.stack([model_input(photo.path, size) for photo in batch])
        for name, classifier in classifiers.items():
            answers[name].append(classifier(inputs))
    return {name: np.concatenate(parts) for name, parts in answers.items()}


def compare(precision: str, answers: Probabilities, exam: Exam, limits: Limits) -> Parity:
    """Hold the `answers` of the model of this precision, (photos, classes), against the trained network's."""
    difference = np.abs(answers - exam.reference)
    accuracy = accuracy_of(answers, exam.truth)
    parity = Parity(
        file=f"model-{precision}.onnx",
        precision=precision,
        n=len(exam.truth),
        accuracy=accuracy,
        accuracy_drop=accuracy_of(exam.reference, exam.truth) - accuracy,
        agreement=float((answers.argmax(axis=1) == exam.reference.argmax(axis=1)).mean()),
        mean_abs_dp=float(difference.mean()),
        max_abs_dp=float(difference.max()),
        recall=recall_by_class(answers, exam.truth, exam.labels),
        failures=(),
    )
    return msgspec.structs.replace(parity, failures=tuple(_missed(parity, limits)))


def accuracy_of(answers: Probabilities, truth: Truth) -> float:
    """The share of the photos that `answers` gives to their class."""
    return float((answers.argmax(axis=1) == truth).mean())


def recall_by_class(answers: Probabilities, truth: Truth, labels: Sequence[str]) -> dict[str, float]:
    """The share of each class's photos that `answers` gives to it; classes without photos are left out."""
    right = answers.argmax(axis=1) == truth
    return {label: float(right[truth == index].mean()) for index, label in enumerate(labels) if (truth == index).any()}


def _batches(photos: Sequence[Photo]) -> Iterator[Sequence[Photo]]:
    starts = range(0, len(photos), BATCH)
    for start in watched(starts, f"checking parity on {len(photos)} test photos"):
        yield photos[start : start + BATCH]


def _missed(parity: Parity, limits: Limits) -> Iterator[str]:
    """Written so that a NaN misses every limit."""
    if not parity.accuracy_drop <= limits.max_drop + ROUNDING:
        yield f"accuracy drop {parity.accuracy_drop:.4f} > {limits.max_drop:g}"
    if not parity.agreement >= limits.min_agreement - ROUNDING:
        yield f"agreement {parity.agreement:.4f} < {limits.min_agreement:g}"
    if parity.precision == "fp32" and not parity.max_abs_dp <= limits.max_float_abs_dp:
        yield f"max |dp| {parity.max_abs_dp:.2g} > {limits.max_float_abs_dp:g}"
