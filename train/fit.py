"""One training run from photos to RUN: select, load, learn, judge, write."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from edge.dataset import Photo, fingerprint
from edge.errors import UsageError
from edge.preprocess import Image
from edge.runfile import MODEL_FILE, RunRecord, write_run
from train import device
from train.batches import predict
from train.learning import Learned, Pupils, beginner, learn
from train.model import blend
from train.photos import load_photos
from train.progress import stage
from train.report import Report, judge
from train.run_folder import check_free, new_folder
from train.selection import Selection, select
from train.settings import Settings

REPORT_FILE, METRICS_FILE = "report.json", "metrics.csv"
AVERAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the fine-tuned weights that are tried on held-out sources, to choose --average by."""


def fit(root: Path, extra: Sequence[Path], out: Path, settings: Settings) -> Report:
    """Train on the dataset at `root` and write `out`; the report is on the test split. Raises SortlineError."""
    check_free(out)
    selection = select(root, extra, settings.hold_out_sources)
    _check_batch(selection, settings)
    with stage("network"):
        model = beginner(len(selection.dataset.labels), settings)
    with stage(f"decoding {len(selection.dataset.photos) + len(selection.extra)} photos"):
        pupils = _load_pupils(selection, settings)
        test = load_photos(selection.test, settings.size)
        held_out = load_photos(selection.held_out, settings.size)
    with new_folder(out) as folder:
        learned = learn(model, pupils, settings)
        with stage("judging"):
            report = _judge(learned.model, selection, selection.test, test, settings)
            apart = _judge_held_out(learned, selection, held_out, settings)
        _write_report(folder, report, apart)
        _write_metrics(folder, learned.history)
        _write_model(folder, learned.model, selection, extra, settings)
    return report


def _check_batch(selection: Selection, settings: Settings) -> None:
    if settings.batch > (most := len(selection.train)):
        raise UsageError(f"--batch: expected at most the {most} training photos, found {settings.batch}")


def _load_pupils(selection: Selection, settings: Settings) -> Pupils:
    photos = selection.train + selection.extra
    labels = np.array(selection.dataset.indices(photos), np.int64)
    return Pupils(load_photos(photos, settings.size), labels, len(selection.train), len(selection.dataset.labels))


def _judge(
    model: keras.Model, selection: Selection, photos: Sequence[Photo], images: Image, settings: Settings
) -> Report:
    return judge(selection.dataset.labels, photos, predict(model, images, settings.batch))


def _judge_held_out(learned: Learned, selection: Selection, images: Image, settings: Settings) -> dict[str, Any]:
    """The report on held-out sources, and what other averages of the weights would have reached on them."""
    if not selection.held_out:
        return {}
    by_average = {}
    for share in AVERAGES:
        blend(learned.model, learned.head_only, learned.fine_tuned, share)
        tried = _judge(learned.model, selection, selection.held_out, images, settings)
        by_average[str(share)] = {"accuracy": tried.accuracy, "macro_f1": tried.macro_f1}
    blend(learned.model, learned.head_only, learned.fine_tuned, settings.average)
    report = _judge(learned.model, selection, selection.held_out, images, settings)
    return {"held_out": report, "held_out_by_average": by_average}


def _write_report(folder: Path, report: Report, apart: Mapping[str, Any]) -> None:
    content = msgspec.json.encode({**msgspec.structs.asdict(report), **apart})
    (folder / REPORT_FILE).write_bytes(msgspec.json.format(content, indent=2) + b"\n")


def _write_metrics(folder: Path, history: list[dict[str, Any]]) -> None:
    with (folder / METRICS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["stage", "epoch", "loss", "accuracy"])
        rows.writeheader()
        rows.writerows(history)


def _write_model(
    folder: Path, model: keras.Model, selection: Selection, extra: Sequence[Path], settings: Settings
) -> None:
    model.save(folder / MODEL_FILE)
    record = RunRecord(
        labels=selection.dataset.labels,
        size=settings.size,
        dataset=str(selection.dataset.root.absolute()),
        extra=tuple(str(folder.absolute()) for folder in extra),
        dataset_fingerprint=fingerprint(selection.dataset),
        settings=settings.flat(),
        tools=device.tools(),
        model_sha256=hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_run(folder, record)
