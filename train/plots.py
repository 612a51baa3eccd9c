"""The report's diagrams, each as the bytes of a PNG."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from train.calibration import ECE_BINS, reliability, temper
from train.evidence import Curve, Evidence
from train.report import operating_point

DPI = 110
SIZE_IN = (5.2, 4.4)
STEPS = np.linspace(0, 0.99, 100)
"""Thresholds of the curves."""


def confusion(evidence: Evidence) -> bytes:
    """Counts, coloured by their share of the row."""
    labels, counts = evidence.report.labels, np.array(evidence.report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _diagram("answer", "truth")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return _png(figure)


def reliability_diagram(evidence: Evidence) -> bytes:
    """Accuracy over confidence, as shipped and with the temperature taken back."""
    report = evidence.report
    plain = temper(evidence.probabilities, 1 / report.temperature)
    right = plain.argmax(axis=1) == evidence.truth
    before = reliability(plain.max(axis=1), right)
    figure, axes = _diagram("confidence", "accuracy")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    calibrated = [(report.reliability, f"T = {report.temperature:.2f}")] if report.temperature != 1 else []
    for bins, name in [(before, "T = 1"), *calibrated]:
        filled = [each for each in bins if each.n]
        axes.plot([each.confidence for each in filled], [each.accuracy for each in filled], marker="o", label=name)
    shares = np.array([each.n for each in report.reliability]) / report.n
    centres = (np.arange(ECE_BINS) + 0.5) / ECE_BINS
    axes.bar(centres, shares, 1 / ECE_BINS, alpha=0.2, label="share of the photos")
    axes.legend()
    return _png(figure)


def precision_recall(evidence: Evidence) -> bytes:
    """Each class against the others."""
    figure, axes = _diagram("recall", "precision")
    for place, label in _present(evidence):
        truth, scores = evidence.truth == place, evidence.probabilities[:, place]
        precision, recall, _ = precision_recall_curve(truth, scores)
        axes.plot(recall, precision, label=f"{label}, AP {average_precision_score(truth, scores):.3f}")
    axes.legend(loc="lower left")
    return _png(figure)


def thresholds(evidence: Evidence) -> bytes:
    """What a line's `min_confidence` costs and brings."""
    labels, truth = evidence.report.labels, evidence.truth
    points = [operating_point(labels, truth, evidence.probabilities, float(step)) for step in STEPS]
    figure, axes = _diagram("min_confidence", "share")
    axes.plot(STEPS, [point.decided for point in points], color="black", label="decided")
    known = [point for point in points if point.decided]
    axes.plot(STEPS[: len(known)], [point.accuracy for point in known], color="black", ls="--", label="of these right")
    for _, label in _present(evidence):
        axes.plot(STEPS, [point.recall[label] for point in points], label=f"recall {label}")
    axes.legend(loc="lower left")
    return _png(figure)


def training(curves: Sequence[Curve]) -> bytes:
    """One diagram a column of metrics.csv, one line a stage."""
    columns = list(dict.fromkeys(curve.column for curve in curves))
    figure = Figure(figsize=(SIZE_IN[0] * len(columns), SIZE_IN[1]), dpi=DPI, layout="constrained")
    for place, column in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), place + 1)
        axes.set(xlabel="epoch of its stage", ylabel=column)
        for curve in (each for each in curves if each.column == column):
            axes.plot(range(1, len(curve.values) + 1), curve.values, marker=".", label=curve.stage)
        axes.legend()
    return _png(figure)


def _present(evidence: Evidence) -> list[tuple[int, str]]:
    """Classes that have photos, with their places."""
    report = evidence.report
    return [(place, label) for place, label in enumerate(report.labels) if report.per_class[label].n]


def _diagram(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=across, ylabel=up)
    return figure, axes


def _png(figure: Figure) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()
