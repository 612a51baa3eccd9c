"""The report beside the bundle."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle.bundle import open_bundle
from edge.errors import SortlineError
from edge.photos.dataset import open_dataset
from export.html import WORST, page_of, worst_disagreements, write_report
from export.latency import Speed
from export.parity import Limits, compare
from export.statistics import Exam
from export.variants import KINDS
from export.verdict import Verdict

KIND = KINDS["int8"]
PICTURE = re.compile(r'<img src="data:image/jpeg;base64,([^"]+)"')


def test_an_export_leaves_page_and_figures_beside_the_bundle(exported: Path) -> None:
    """BUNDLE.report.html and .json: what was judged, and the times of this host."""
    page, figures = (exported.with_name(f"{exported.name}.report.{ending}") for ending in ("html", "json"))

    told = json.loads(figures.read_text())

    assert {model["file"] for model in told["models"]} == {"model-fp32.onnx", "model-int8.onnx"}
    assert {speed["file"] for speed in told["speed"]} == {"model-fp32.onnx", "model-int8.onnx"}
    assert page.read_text().startswith("<!doctype html>")


def test_the_page_needs_nothing_else(exported: Path) -> None:
    """No link, script, font or picture from anywhere: it opens on a machine without a network."""
    page = exported.with_name(f"{exported.name}.report.html").read_text()

    assert not re.findall(r'(?:src|href)="(?!data:)|<script|<link|@import|url\(', page)


def test_photos_and_times_stay_out_of_the_bundle(exported: Path) -> None:
    """The thumbnails are of the user's own photos, the times of this host: neither goes into what is shipped."""
    pictures = PICTURE.findall(exported.with_name(f"{exported.name}.report.html").read_text())

    members = open_bundle(exported).members

    assert len(pictures) == 2 * WORST
    whole = b"".join(members.values())
    assert b"p50_ms" not in members["parity.json"] + members["manifest.json"]
    assert not any(base64.b64decode(picture)[:200] in whole or picture[:80].encode() in whole for picture in pictures)


def test_thumbnails_are_the_photos_that_differ_most(photos: Path) -> None:
    """Other decisions first, then by how far the probabilities lie apart; each says what both networks said."""
    verdict = _verdict(photos)
    worst = worst_disagreements(verdict.answers[KIND], verdict.exam)

    page = page_of("x", verdict, (), 32)

    assert worst[:2] == [5, 3]
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(p), np.uint8), cv2.IMREAD_COLOR) for p in PICTURE.findall(page)
    ]
    assert [picture.shape for picture in shown] == [(128, 128, 3)] * WORST
    assert f"{verdict.photos[5].path.name}<br>is blue<br>trained: blue 0.800<br>here: green 0.800" in page


def test_the_page_marks_what_fails_and_shows_every_part(photos: Path) -> None:
    """Scatter, bars by class, bars of time, worst photos, and failing rows in the table."""
    speeds = [Speed(file=KIND.file, bytes=9, threads=t, rounds=5, p50_ms=2, p90_ms=3, times_fp32=0.5) for t in (1, 2)]

    page = page_of("x", _verdict(photos), speeds, 32)

    assert "model-int8.onnx: FAILS" in page
    assert "<tr class=fails><td>agreement</td>" in page
    for part in (
        "Recall by class",
        "Speed on this host",
        "2 threads",
        "Worst disagreements",
        "p, trained",
        "not faster",
    ):
        assert part in page, part
    assert page.count("<svg") == 4


def test_names_are_text_and_not_markup(photos: Path) -> None:
    """A class or a file may be called anything."""
    verdict = _verdict(photos, labels=("<b>&", "green", "red"))

    page = page_of("<script>alert(1)</script>", verdict, (), 32)

    assert "<script" not in page
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, photos: Path) -> None:
    """One line that names the file."""
    with pytest.raises(SortlineError, match=r"a\.bundle\.report\.html: expected a place for the report, found No such"):
        write_report(tmp_path / "gone" / "a.bundle", _verdict(photos), (), 32)


def _verdict(photos: Path, labels: tuple[str, ...] = ("blue", "green", "red")) -> Verdict:
    """A network that is right everywhere, and a model that decides one photo otherwise and is unsure of another."""
    dataset = open_dataset(photos)
    test = dataset.split("test")
    truth = np.array(dataset.indices(test))
    reference = (0.1 + 0.7 * np.eye(3))[truth].astype(np.float32)
    answers = reference.copy()
    answers[5] = np.roll(answers[5], 1)
    answers[3] = (0.5, 0.3, 0.2)
    exam = Exam(labels, truth, reference)
    return Verdict(test, exam, {KIND: answers}, (compare(KIND, answers, exam, Limits()),))
