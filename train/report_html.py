"""report.html: the verdict with its pictures in one file that needs nothing else, not even a network."""

import base64
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from edge.errors import RunError
from train import plots
from train.bootstrap import Interval, ScoreIntervals
from train.evidence import Evidence, confident_mistakes
from train.report import Report, Scores
from train.thumbnails import glowing, thumbnail

MISTAKES = 24
GLOWING = 8
"""Of the mistakes that are shown with where the network looked."""
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; } small { color: #666; } img { max-width: 100%; }
figure { display: inline-block; margin: .4rem; vertical-align: top; } figcaption { font-size: 13px; max-width: 27rem; }
"""


def check_place(path: Path) -> None:
    """Raise RunError when `path` cannot be written; ask before minutes of work."""
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise RunError(f"{path}: expected a file in a folder to write to, found no such place")


def write_html(path: Path, evidence: Evidence, title: str) -> None:
    """Write the page. Raises RunError when the place cannot be written."""
    try:
        path.write_text(html_page(evidence, title), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: expected a place to write the report to, found {error.strerror}") from error


def html_page(evidence: Evidence, title: str) -> str:
    """The whole page: every picture is inside of it."""
    report = evidence.report
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(report),
        _section("Classes", _table(_class_rows(report)), CLASS_NOTE),
        _section("Subclasses", _table(_subclass_rows(report)), SUBCLASS_NOTE),
        _section("Confusion", _picture(plots.confusion(evidence))),
        _section("Calibration", _picture(plots.reliability_diagram(evidence)), _calibration_note(report)),
        _section("Precision and recall", _picture(plots.precision_recall(evidence))),
        _section("Operating points", _picture(plots.thresholds(evidence)) + _operating_table(report), OPERATING_NOTE),
        _section("Training", _picture(plots.training(evidence.curves))) if evidence.curves else "",
        _mistakes(evidence),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


CLASS_NOTE = (
    "In grey 95 % bootstrap intervals for other photos drawn as these were; other photographers are another matter. A "
    "row without one error shows 1.000 to 1.000, as resampling makes no error that was never seen."
)
SUBCLASS_NOTE = (
    "Answers are classes, so a subclass's precision counts the answers of its class to its own photos and to those of "
    "other classes: small subclasses have a low one."
)
OPERATING_NOTE = (
    "Items below the threshold are left undecided. Recall is the share of a class's photos decided, and rightly."
)


def _summary(report: Report) -> str:
    accuracy, macro = report.intervals.accuracy, report.intervals.macro.f1
    return (
        f"<p>{report.n} photos: accuracy <b>{report.accuracy:.4f}</b> {_span(accuracy)}, "
        f"macro F1 <b>{report.macro_f1:.4f}</b> {_span(macro)}, "
        f"expected calibration error <b>{report.ece:.4f}</b>.</p>"
    )


def _class_rows(report: Report) -> list[list[str]]:
    """The paper's table 1."""
    sure = report.intervals
    accuracy = ["accuracy", "", "", f"{report.accuracy:.3f} {_span(sure.accuracy)}", str(report.n)]
    return [
        ["", "precision", "recall", "F1", "support"],
        *(_row(label, scores, sure.per_class[label]) for label, scores in report.per_class.items()),
        accuracy,
        _row("macro average", report.macro, sure.macro),
        _row("weighted average", report.weighted, sure.weighted),
    ]


def _subclass_rows(report: Report) -> list[list[str]]:
    sure = report.intervals.per_subclass
    rows = [
        _row(f"{label} / {name or '—'}", scores, sure[label][name])
        for label, subclasses in report.per_subclass.items()
        for name, scores in subclasses.items()
    ]
    return [["", "precision", "recall", "F1", "support"], *rows]


def _row(name: str, scores: Scores, sure: ScoreIntervals) -> list[str]:
    pairs = ((scores.precision, sure.precision), (scores.recall, sure.recall), (scores.f1, sure.f1))
    return [escape(name), *(f"{value:.3f} {_span(interval)}" for value, interval in pairs), str(scores.n)]


def _span(interval: Interval) -> str:
    return f"<small>{interval.low:.3f} to {interval.high:.3f}</small>"


def _calibration_note(report: Report) -> str:
    if report.temperature == 1:
        return f"Not calibrated (temperature 1). Expected calibration error {report.ece:.4f}."
    return (
        f"Temperature {report.temperature:.3f}, fitted on training photos that taught nothing and folded into the "
        f"model. Expected calibration error {report.ece_uncalibrated:.4f} before, {report.ece:.4f} with it."
    )


def _operating_table(report: Report) -> str:
    rows = [
        [f"{point.threshold:.2f}", f"{point.decided:.3f}", f"{point.accuracy:.3f}"]
        + [f"{point.recall[label]:.3f}" for label in report.labels]
        for point in report.operating_points
    ]
    names = [f"recall {escape(label)}" for label in report.labels]
    return _table([["min_confidence", "decided", "of these right", *names], *rows])


def _mistakes(evidence: Evidence) -> str:
    places = confident_mistakes(evidence, MISTAKES)
    if not places.size:
        return _section("Most confident mistakes", "<p>None.</p>")
    shown = min(GLOWING, len(places)) if evidence.activation else 0
    figures = [*_glowing_figures(evidence, places[:shown]), *(_figure(evidence, place) for place in places[shown:])]
    return _section("Most confident mistakes", "\n".join(figures), GLOWING_NOTE if shown else "")


GLOWING_NOTE = "The first ones thrice: the photo, what spoke for the answer, what spoke for the truth (CAM)."


def _glowing_figures(evidence: Evidence, places: Sequence[int]) -> list[str]:
    if not len(places) or not evidence.activation:
        return []
    maps = evidence.activation(evidence.images[places])
    answers = evidence.probabilities[places].argmax(axis=1)
    truth = evidence.truth[places]
    return [
        _figure(evidence, place, [maps[row, :, :, answers[row]], maps[row, :, :, truth[row]]])
        for row, place in enumerate(places)
    ]


def _figure(evidence: Evidence, place: int, activations: Sequence[np.ndarray] = ()) -> str:
    image, photo, answer = evidence.images[place], evidence.photos[place], evidence.probabilities[place]
    pictures = [image, *(glowing(image, activation) for activation in activations)]
    drawn = "".join(_picture(thumbnail(picture), "jpeg") for picture in pictures)
    said = f"{evidence.report.labels[int(answer.argmax())]} {answer.max():.2f}, is {photo.label}"
    name = f"{photo.subclass}/{photo.path.name}"
    return f"<figure>{drawn}<figcaption>{escape(said)}<br><small>{escape(name)}</small></figcaption></figure>"


def _section(title: str, content: str, note: str = "") -> str:
    return f"<h2>{escape(title)}</h2>" + (f"<p>{escape(note)}</p>" if note else "") + content


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *body = rows
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in body]
    return (
        "<table><tr>"
        + "".join(f"<th>{cell}</th>" for cell in head)
        + "</tr>"
        + "".join(f"<tr>{line}</tr>" for line in lines)
        + "</table>"
    )


def _picture(content: bytes, kind: str = "png") -> str:
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'
