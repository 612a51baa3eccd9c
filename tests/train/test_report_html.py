"""report.html: one file with the whole verdict in it."""

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.photos.dataset import Photo
from train.evidence import Evidence, confident_mistakes, read_curves
from train.report import judge
from train.report_html import html_page

LABELS = ("paper", "glass & jars")
SIZE = 48


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """Forty photos of two classes, ten of them answered wrongly, with maps and training curves."""
    rng = np.random.default_rng(0)
    photos = [Photo(Path(f"{number}.png"), LABELS[number % 2], f"s{number % 3}", "test", "") for number in range(40)]
    sure = rng.uniform(0.55, 0.99, 40)
    answers = np.array([(number % 2) ^ (number < 10) for number in range(40)])
    probabilities = np.where(np.arange(2) == answers[:, None], sure[:, None], 1 - sure[:, None]).astype(np.float32)
    (tmp_path / "metrics.csv").write_text(
        "stage,epoch,loss,accuracy\nhead,1,1.5,0.5\nhead,2,1.0,0.7\nwhole,1,0.5,0.9\n"
    )
    return Evidence(
        report=judge(LABELS, photos, probabilities, 1.3),
        photos=photos,
        images=rng.integers(0, 256, (40, SIZE, SIZE, 3), np.uint8),
        probabilities=probabilities,
        activation=lambda images: rng.normal(size=(len(images), 2, 2, 2)).astype(np.float32),
        curves=read_curves(tmp_path / "metrics.csv"),
    )


def test_the_page_needs_nothing_but_itself(evidence: Evidence) -> None:
    """Every picture is inside and can be read; no script, no style, no font comes from anywhere."""
    page = html_page(evidence, "a run")

    sources = re.findall(r'src="([^"]*)"', page)
    pictures = [re.fullmatch(r"data:image/(?:png|jpeg);base64,(.*)", source) for source in sources]
    assert len(pictures) == 5 + 8 * 3 + 2
    for picture in pictures:
        assert picture
        content = np.frombuffer(base64.b64decode(picture[1]), np.uint8)
        assert cv2.imdecode(content, cv2.IMREAD_COLOR).std() > 1
    assert not re.search(r"://|href|<script|<link|@import|url\(", page)


def test_the_page_has_the_papers_table_with_its_intervals(evidence: Evidence) -> None:
    """Classes as rows; accuracy, macro and weighted average below; names are text, not markup."""
    page = html_page(evidence, "a run of <mine>")

    names = re.findall(r"<tr><td>([^<]*)</td>", page)
    low = evidence.report.intervals.per_class["paper"].recall.low
    assert names[:5] == ["paper", "glass &amp; jars", "accuracy", "macro average", "weighted average"]
    assert f"0.750 <small>{low:.3f} to " in page
    assert "<h1>a run of &lt;mine&gt;</h1>" in page


def test_the_surest_mistakes_come_first(evidence: Evidence) -> None:
    """And nothing that was right is among them."""
    places = confident_mistakes(evidence, most=6)

    confidence = evidence.probabilities.max(axis=1)
    assert len(places) == 6
    assert set(places.tolist()) <= set(range(10))
    assert confidence[places].tolist() == sorted(confidence[:10].tolist(), reverse=True)[:6]


def test_curves_are_the_columns_of_each_stage(evidence: Evidence) -> None:
    """Losses and accuracies of the head, then of the whole network."""
    found = {(curve.stage, curve.column): curve.values for curve in evidence.curves}

    assert found == {
        ("head", "loss"): (1.5, 1.0),
        ("whole", "loss"): (0.5,),
        ("head", "accuracy"): (0.5, 0.7),
        ("whole", "accuracy"): (0.9,),
    }


def test_a_bundle_without_maps_and_a_perfect_model_have_a_page_too(evidence: Evidence) -> None:
    """No mistakes, no maps, no training: the rest is there."""
    perfect = np.eye(2, dtype=np.float32)[evidence.truth]
    report = judge(LABELS, evidence.photos, perfect)

    page = html_page(Evidence(report, evidence.photos, evidence.images, perfect), "perfect")

    assert "<p>None.</p>" in page
    assert page.count("data:image/png") == 4
