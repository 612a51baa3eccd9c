"""The gate: holds every variant against the trained network on the test photos, and says which may not ship."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np

from edge.classifier import Classifier, Probabilities
from edge.engine.litert import Litert
from edge.engine.onnx_cpu import OnnxCpu
from edge.engine.tuning import Tuning
from edge.errors import UsageError
from edge.photos.dataset import Photo
from edge.preprocess import Image, model_input
from export.progress import watched
from export.statistics import Exam, Interval, statistics_of
from export.variants import Kind

BATCH = 32
ROUNDING = 1e-9
"""A drop of exactly the limit passes: 1 of 200 photos is 0.005000000000000004 in float64."""
MLPERF_SHARE = 0.99
"""Of the float32 accuracy: what MLPerf Inference asks of a quantized ResNet50."""


FIELD_WORDS = MappingProxyType(
    {
        "macro_f1": "macro F1",
        "macro_f1_drop": "macro F1 drop",
        "ece": "calibration error",
        "mean_abs_dp": "mean |dp|",
        "max_abs_dp": "max |dp|",
    }
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant may lose beside the trained network. Shares, not points: 0.005 is half a point."""

    max_drop: float = 0.005
    """Of accuracy."""
    max_recall_drop: float = 0.01
    """Of any class."""
    min_agreement: float = 0.99
    """Share of photos that a quantized model decides as the trained network."""
    protect: tuple[str, ...] = ()
    """Classes whose recall may not fall beyond its interval: the 95 % interval of the drop must hold 0 or a gain, so
    that no loss is shown, and must end by `max_recall_drop`, so that no larger one is possible (non-inferiority: who
    ships has to prove it; few photos of a class are no excuse but a reason to collect more). Where no photo is lost the
    interval is [0, 0], and all that N photos of the class say is that at most 3/N of its recall may be gone.
    """
    min_float_agreement: float = 1.0
    """Of fp32: nothing but a tie within twice the next limit can decide otherwise."""
    max_float_abs_dp: float = 1e-4
    """Largest difference of a probability in fp32: beyond it, the conversion changed the network."""
    min_half_agreement: float = 0.995
    """Of fp16."""
    max_half_abs_dp: float = 0.02
    """Of fp16. A half rounds to 11 bits, 2^-11 of a value; over the 53 layers of ResNet50 such errors add up like a
    random walk to 0.4 % of a logit, 0.04 of one of 10, and softmax passes on at most half the difference of two.
    """


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of the gate, and what was found."""

    figure: str
    limit: str
    """As people read it: "<= 0.005"."""
    found: str
    passed: bool


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How one model file does on the test photos, beside the trained network."""

    file: str
    format: str
    precision: str
    n: int
    figures: dict[str, float]
    """By name, as `export.statistics.statistics_of` gives them; recall and recall_drop of every class with photos."""
    intervals: dict[str, Interval]
    """95 %, by paired bootstrap."""
    mlperf: bool
    """Whether accuracy is at least 99 % of the trained network's: MLPerf's rule, shown and not judged by."""
    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """One clause for each limit that it missed."""
        return tuple(f"{figure_words(c.figure)} {c.found}, limit {c.limit}" for c in self.checks if not c.passed)


class PerPhoto:
    """Feeds a model whose batch is always one."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        return np.concatenate([self._classifier(inputs[index : index + 1]) for index in range(len(inputs))])


def open_model(path: Path, form: str, threads: int) -> PerPhoto:
    """The model file at `path`, of format onnx or tflite, in the same engine as on the line, on the CPU.

    Raises ProviderError where that engine is not installed.
    """
    engine = {"onnx": OnnxCpu, "tflite": Litert}[form]
    return PerPhoto(engine(path.read_bytes(), Tuning(threads)))


def classify_all(classifiers: Mapping[str, Classifier], photos: Sequence[Photo], size: int) -> dict[str, Probabilities]:
    """What each classifier says of each photo, (photos, classes). A batch at a time: memory does not grow with them."""
    answers: dict[str, list[Probabilities]] = {name: [] for name in classifiers}
    for batch in _batches(photos):
        inputs = np.stack([model_input(photo.path, size) for photo in batch])
        for name, classifier in classifiers.items():
            answers[name].append(classifier(inputs))
    return {name: np.concatenate(parts) for name, parts in answers.items()}


def compare(kind: Kind, answers: Probabilities, exam: Exam, limits: Limits) -> Parity:
    """Hold the `answers` of the model of this kind, (photos, classes), against the trained network's."""
    statistics = statistics_of(answers, exam)
    figures, intervals = dict(statistics.figures), dict(statistics.intervals)
    return Parity(
        file=kind.file,
        format=kind.format,
        precision=kind.precision,
        n=len(exam.truth),
        figures=figures,
        intervals=intervals,
        mlperf=figures["accuracy"] >= MLPERF_SHARE * (figures["accuracy"] + figures["accuracy_drop"]) - ROUNDING,
        checks=tuple(_checks(kind.precision, figures, intervals, limits)),
    )


def check_protected(limits: Limits, labels: Collection[str]) -> None:
    """Raises UsageError when a class is to be protected that is not among `labels` of the test photos."""
    if strange := sorted(set(limits.protect) - set(labels)):
        raise UsageError(f"--protect: expected classes with test photos {sorted(set(labels))}, found {strange}")


def figure_words(figure: str) -> str:
    """accuracy_drop -> accuracy drop, recall_drop.glass -> recall drop glass."""
    name, _, label = figure.partition(".")
    plain = FIELD_WORDS.get(name, name.replace("_", " "))
    return f"{plain} {label}" if label else plain


def _batches(photos: Sequence[Photo]) -> Iterator[Sequence[Photo]]:
    starts = range(0, len(photos), BATCH)
    for start in watched(starts, f"checking parity on {len(photos)} test photos"):
        yield photos[start : start + BATCH]


def _checks(
    precision: str, figures: Mapping[str, float], intervals: Mapping[str, Interval], limits: Limits
) -> Iterator[Check]:
    agreement, difference = _limits_of_precision(precision, limits)
    yield _at_most("accuracy_drop", figures, limits.max_drop)
    yield _at_least("agreement", figures, agreement)
    if difference is not None:
        yield _at_most("max_abs_dp", figures, difference)
    for name in figures:
        if name.startswith("recall_drop."):
            yield _at_most(name, figures, limits.max_recall_drop)
    for label in limits.protect:
        yield _protected(label, intervals, limits)


def _limits_of_precision(precision: str, limits: Limits) -> tuple[float, float | None]:
    """Least agreement and largest |dp|; for a quantized model, agreement says what a single |dp| could."""
    of_float = {
        "fp32": (limits.min_float_agreement, limits.max_float_abs_dp),
        "fp16": (limits.min_half_agreement, limits.max_half_abs_dp),
    }
    return of_float.get(precision, (limits.min_agreement, None))


def _at_most(name: str, figures: Mapping[str, float], limit: float) -> Check:
    """A NaN does not pass."""
    found = figures[name]
    return Check(figure=name, limit=f"<= {limit:g}", found=_number(found), passed=bool(found <= limit + ROUNDING))


def _at_least(name: str, figures: Mapping[str, float], limit: float) -> Check:
    found = figures[name]
    return Check(figure=name, limit=f">= {limit:g}", found=_number(found), passed=bool(found >= limit - ROUNDING))


def _protected(label: str, intervals: Mapping[str, Interval], limits: Limits) -> Check:
    low, high = intervals[f"recall_drop.{label}"]
    return Check(
        figure=f"protected.{label}",
        limit=f"<=0, <={limits.max_recall_drop:g}",
        found=f"[{_number(low)}, {_number(high)}]",
        passed=bool(low <= ROUNDING and high <= limits.max_recall_drop + ROUNDING),
    )


def _number(value: float) -> str:
    """Four decimals, or two digits of what is smaller than they show."""
    return f"{value:.2g}" if 0 < abs(value) < 0.001 else f"{value:.4f}"
