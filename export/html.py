"""The report beside the bundle: one HTML file with all figures and pictures, and the same figures as JSON.

Beside it and not inside: it holds times of this host, which differ from run to run while the bundle's bytes must not,
and thumbnails of the user's own photos, which never leave with a bundle.
"""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from edge.classifier import Probabilities
from edge.errors import SortlineError
from edge.photos.dataset import Photo
from edge.preprocess import model_input
from export.latency import Speed, slow_int8
from export.parity import Parity
from export.report import FAILS, REFERENCE, SPAN, parity_rows
from export.statistics import Exam
from export.svg import bars, scatter
from export.variants import Kind
from export.verdict import Verdict

WORST = 8
"""Photos shown for each model."""
THUMBNAIL = 128
"""Side in pixels."""
INTRODUCTION = (
    "{photos} test photos. Lost: what the exported model has less than the trained network, with a 95 % interval by "
    "paired bootstrap over the photos."
)
HEADS = ("", REFERENCE, "exported", "lost", SPAN, "limit", "gate")
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:980px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0}th,td{padding:.15em .7em;text-align:right}
th:first-child,td:first-child{text-align:left}tr.fails{background:#fbe3e1;font-weight:bold}
th{border-bottom:1px solid #999}svg{font:12px system-ui,sans-serif}.small{font-size:11px;color:#555}
.frame{fill:none;stroke:#bbb}.line{stroke:#ccc}.dots{stroke:#2f6f9f;stroke-width:2.4;stroke-linecap:round;opacity:.55}
figure{display:inline-block;width:215px;margin:.4em;vertical-align:top}figcaption{font-size:12px;overflow-wrap:anywhere}
.warn{background:#fff3cd;padding:.4em .8em}
"""


def write_report(bundle: Path, verdict: Verdict, speeds: Sequence[Speed], size: int) -> tuple[Path, Path]:
    """Write BUNDLE.report.html and BUNDLE.report.json beside `bundle` and name them.

    Raises SortlineError when they cannot be written.
    """
    page, figures = (bundle.with_name(f"{bundle.name}.report.{ending}") for ending in ("html", "json"))
    content = {page: page_of(bundle.name, verdict, speeds, size).encode(), figures: _json(bundle.name, verdict, speeds)}
    for path, data in content.items():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise SortlineError(f"{path}: expected a place for the report, found {error.strerror}") from error
    return page, figures


def page_of(title: str, verdict: Verdict, speeds: Sequence[Speed], size: int) -> str:
    """The whole page; it refers to nothing outside of itself."""
    parts = [
        f"<h1>{escape(title)}</h1><p>{INTRODUCTION.format(photos=len(verdict.photos))}</p>",
        *(f'<p class="warn">{escape(line)}</p>' for line in slow_int8(speeds)),
        "<h2>Recall by class</h2>",
        _recalls(verdict),
        "<h2>Speed on this host</h2>" if speeds else "",
        *_speed_bars(speeds),
    ]
    for kind, parity in zip(verdict.answers, verdict.rows, strict=True):
        parts += _model(kind, parity, verdict, size)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{STYLE}</style>{''.join(parts)}</html>\n"


def worst_disagreements(answers: Probabilities, exam: Exam) -> list[int]:
    """Places of the photos on which a model and the trained network differ most: other decisions first."""
    other = answers.argmax(axis=1) != exam.reference.argmax(axis=1)
    difference = np.abs(answers - exam.reference).max(axis=1)
    order = np.lexsort((-difference, ~other))
    return [int(place) for place in order[:WORST]]


def _json(title: str, verdict: Verdict, speeds: Sequence[Speed]) -> bytes:
    figures: dict[str, Any] = {
        "bundle": title,
        "trained_network": verdict.reference,
        "models": verdict.rows,
        "speed": speeds,
        "warnings": slow_int8(speeds),
    }
    return msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n"


def _recalls(verdict: Verdict) -> str:
    names = [name for name in verdict.reference if name.startswith("recall.")]
    groups = {
        name.partition(".")[2]: [verdict.reference[name], *(row.figures[name] for row in verdict.rows)]
        for name in names
    }
    return bars(groups, [REFERENCE, *(row.file for row in verdict.rows)], 1.0)


def _speed_bars(speeds: Sequence[Speed]) -> Iterator[str]:
    for threads in sorted({speed.threads for speed in speeds}):
        of_threads = [speed for speed in speeds if speed.threads == threads]
        groups = {f"{speed.file}, {speed.megabytes:.1f} MB": [speed.p50_ms, speed.p90_ms] for speed in of_threads}
        yield f"<h3>{threads} thread{'s' * (threads > 1)}</h3>"
        yield bars(groups, ["p50", "p90"], max(speed.p90_ms for speed in of_threads), "ms")


def _model(kind: Kind, parity: Parity, verdict: Verdict, size: int) -> Iterator[str]:
    answers, exam = verdict.answers[kind], verdict.exam
    yield f"<h2>{escape(parity.file)}: {FAILS if parity.failures else 'passes'}</h2>"
    yield _table(parity, verdict)
    yield scatter(exam.reference.astype(np.float64), answers.astype(np.float64), "p, trained", "p, exported")
    yield "<h3>Worst disagreements</h3>"
    for place in worst_disagreements(answers, exam):
        yield _figure(verdict.photos[place], exam, place, answers, size)


def _table(parity: Parity, verdict: Verdict) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADS)
    body = "".join(
        f"<tr{' class=fails' * (row.verdict == FAILS)}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in parity_rows(verdict.reference, parity)
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _figure(photo: Photo, exam: Exam, place: int, answers: Probabilities, size: int) -> str:
    said = [f"{who}: {_decision(exam, rows[place])}" for who, rows in ((REFERENCE, exam.reference), ("here", answers))]
    truth = exam.labels[int(exam.truth[place])]
    caption = "<br>".join(map(escape, (photo.path.name, f"is {truth}", *said)))
    picture = base64.b64encode(_thumbnail(photo, size)).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{picture}" alt="{escape(truth)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _decision(exam: Exam, probabilities: Probabilities) -> str:
    best = int(probabilities.argmax())
    return f"{exam.labels[best]} {probabilities[best]:.3f}"


def _thumbnail(photo: Photo, size: int) -> bytes:
    """What the model saw, small, as JPEG."""
    seen = cv2.cvtColor(model_input(photo.path, size), cv2.COLOR_RGB2BGR)
    small = cv2.resize(seen, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
