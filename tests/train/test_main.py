"""`python -m train`: photos in, a judged model out; bad input in, one line out."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pytest

from edge.photos.dataset import fingerprint, open_dataset
from edge.preprocess import model_input
from edge.runfile import read_run
from train.model import BACKBONE, build, load_backbone

if TYPE_CHECKING:
    from tests.train.conftest import Command, Run

SHIPPED = Path(__file__).parents[2] / "deploy" / "bundles" / "waste4.bundle"
STANDARD = "keras"
"""Modules of Keras' own layers begin so in a saved model's configuration."""


def test_it_learns(finished: Run) -> None:
    """Of three classes chance would find a third."""
    report = json.loads((finished.folder / "report.json").read_text())

    assert report["accuracy"] > 0.8
    assert report["held_out"]["accuracy"] > 0.8


def test_the_report_rests_on_the_right_photos(finished: Run) -> None:
    """12 of the 18 test photos are not carol's; all 24 of hers are judged apart, for each average of the weights."""
    report = json.loads((finished.folder / "report.json").read_text())

    assert report["n"] == 12
    assert report["held_out"]["n"] == 24
    assert np.sum(report["confusion"]) == 12
    assert report["held_out_by_average"]["1.0"]["accuracy"] == report["held_out"]["accuracy"]


def test_the_saved_model_takes_photos_and_gives_probabilities(finished: Run, saved: keras.Model) -> None:
    """uint8 RGB in, float32 probabilities out, in Keras' own layers and float32 throughout, opened in safe mode."""
    photos = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)

    probabilities = keras.ops.convert_to_numpy(saved(photos))

    assert saved.inputs[0].dtype == "uint8"
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert {layer.dtype_policy.name for layer in saved._flatten_layers()} == {"float32"}
    assert not _custom_modules(finished.folder / "model.keras")


def test_the_saved_model_is_the_one_that_was_judged(finished: Run, saved: keras.Model) -> None:
    """Run over the test photos again, it is as often right, and as sure, as the report says: calibrated in itself."""
    report = json.loads((finished.folder / "report.json").read_text())
    dataset = open_dataset(finished.dataset)
    photos = [photo for photo in dataset.split("test") if photo.source != "carol"]

    probabilities = saved.predict(np.stack([model_input(photo.path, 32) for photo in photos]), verbose=0)

    assert np.mean(probabilities.argmax(axis=1) == dataset.indices(photos)) == pytest.approx(report["accuracy"])
    confidence = sum(each["n"] * each["confidence"] for each in report["reliability"]) / len(photos)
    assert probabilities.max(axis=1).mean() == pytest.approx(confidence, abs=1e-4)


def test_the_whole_network_was_tuned_but_not_its_normalisation(saved: keras.Model, weights: Path) -> None:
    """The last convolution moved a little; the statistics of BatchNorm are still those of the pretrained weights."""
    start = build(3, 32)

    load_backbone(start, str(weights))

    before, after = (model.get_layer(BACKBONE) for model in (start, saved))
    kernels = [net.get_layer("conv5_block3_3_conv").get_weights()[0] for net in (before, after)]
    means = [net.get_layer("conv5_block3_3_bn").moving_mean for net in (before, after)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.01
    assert np.array_equal(*map(keras.ops.convert_to_numpy, means))


def test_the_record_tells_what_export_needs(finished: Run) -> None:
    """Labels in the order of the outputs, size, and the fingerprint of the photos."""
    record = read_run(finished.folder)

    dataset = open_dataset(finished.dataset)
    assert (record.labels, record.size) == (dataset.labels, 32)
    assert record.dataset_fingerprint == fingerprint(dataset)
    assert record.settings["hold_out_sources"] == "carol"


def test_the_temperature_is_recorded(finished: Run) -> None:
    """The record and the report agree on it, and the report says what it brought."""
    report = json.loads((finished.folder / "report.json").read_text())

    assert read_run(finished.folder).temperature == report["temperature"] != 1.0
    assert report["ece"] != report["ece_uncalibrated"]


def test_the_run_has_a_page_with_its_pictures(finished: Run) -> None:
    """The diagrams of the training too, and nothing that a network would have to bring."""
    page = (finished.folder / "report.html").read_text()

    assert "<h2>Training</h2>" in page
    assert page.count("data:image/png") == 5
    assert "://" not in page


def test_metrics_have_a_row_an_epoch(finished: Run) -> None:
    """20 of the head and one of the whole network, below the names of the columns."""
    rows = (finished.folder / "metrics.csv").read_text().splitlines()

    assert rows[0] == "stage,epoch,loss,accuracy,macro_f1,lr,photos_per_s"
    assert [row.split(",")[0] for row in rows[1:]] == ["head"] * 20 + ["all"]


def test_eval_judges_a_run_on_a_dataset(finished: Run, command_line: Command) -> None:
    """The last line is one JSON object; the whole test split has carol's photos in it."""
    done = command_line("eval", finished.folder / "model.keras", finished.dataset, "--json")

    found = json.loads(done.out.splitlines()[-1])
    assert done.status == 0
    assert set(found) == {"n", "accuracy", "macro_f1", "per_class"}
    assert found["n"] == 18
    assert set(found["per_class"]["ball"]) == {"precision", "recall", "f1", "n"}


def test_eval_writes_the_same_page_for_any_dataset(finished: Run, command_line: Command, tmp_path: Path) -> None:
    """With the mistakes of that dataset."""
    done = command_line("eval", finished.folder, finished.dataset, "--split", "all", "--html", tmp_path / "all.html")

    page = (tmp_path / "all.html").read_text()
    assert done.status == 0
    assert "72 photos" in page
    assert "<h2>Most confident mistakes</h2>" in page


def test_a_page_that_cannot_be_written_is_one_line(finished: Run, command_line: Command, tmp_path: Path) -> None:
    """It names the place, before a photo is decoded."""
    done = command_line("eval", finished.folder, finished.dataset, "--html", tmp_path / "nowhere" / "page.html")

    assert done.status == 2
    assert str(tmp_path / "nowhere" / "page.html") in _one_line(done.error)


def test_compare_finds_a_run_no_better_than_itself(finished: Run, command_line: Command) -> None:
    """On the photos that A was trained on, as nobody names others; the last line is one JSON object."""
    done = command_line("compare", finished.folder, finished.folder, "--json")

    found = json.loads(done.out.splitlines()[-1])
    assert done.status == 0
    assert (found["n"], found["only_a_right"], found["only_b_right"], found["p_value"]) == (18, 0, 0, 1.0)
    assert found["verdict"] == "no difference shown"


def test_a_bundle_names_no_photos_to_compare_on(finished: Run, command_line: Command) -> None:
    """One line asks for some."""
    done = command_line("compare", SHIPPED, finished.folder)

    assert done.status == 2
    assert "name a DATASET" in _one_line(done.error)


def test_compare_refuses_models_of_other_classes(finished: Run, command_line: Command) -> None:
    """The shipped bundle sorts waste, not shapes: one line names both sets."""
    done = command_line("compare", finished.folder, SHIPPED, finished.dataset)

    assert done.status == 2
    assert "'hazardous'" in _one_line(done.error)
    assert "'ball'" in done.error


def test_asked_for_a_gpu_and_found_none_it_stops(
    shapes: Path, command_line: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says how to get one, and how to do without; no folder is left."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    done = command_line(shapes, "--weights", "none", "--out", tmp_path / "run", "--device", "gpu")

    assert done.status == 69
    assert "unset CUDA_VISIBLE_DEVICES" in _one_line(done.error)
    assert "--device cpu" in done.error
    assert list(tmp_path.iterdir()) == []


def test_eval_takes_a_folder_of_some_classes_without_manifest(
    finished: Run, command_line: Command, tmp_path: Path
) -> None:
    """Photos from elsewhere rarely show everything."""
    for label in ("ball", "box"):
        shutil.copytree(finished.dataset / label, tmp_path / "some" / label)

    done = command_line("eval", finished.folder, tmp_path / "some", "--split", "all", "--json")

    found = json.loads(done.out.splitlines()[-1])
    assert (done.status, found["n"], found["per_class"]["bar"]["n"]) == (0, 48, 0)


def test_eval_refuses_classes_that_the_model_does_not_know(
    finished: Run, command_line: Command, tmp_path: Path
) -> None:
    """One line names the class."""
    shutil.copytree(finished.dataset / "ball", tmp_path / "other" / "balloon")

    done = command_line("eval", finished.folder, tmp_path / "other")

    assert done.status == 2
    assert "balloon" in _one_line(done.error)


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [("model.keras", b"no zip", "expected a model of Keras"), ("run.json", b"{}", "record of a training run")],
)
def test_eval_refuses_a_damaged_run(
    finished: Run, command_line: Command, tmp_path: Path, file: str, content: bytes, expected: str
) -> None:
    """One line names the file."""
    run = tmp_path / "run"
    shutil.copytree(finished.folder, run)
    (run / file).write_bytes(content)

    done = command_line("eval", run / "model.keras", finished.dataset)

    assert done.status == 2
    assert expected in _one_line(done.error)
    assert str(run / file) in done.error


def test_a_broken_photo_stops_the_run_before_training(
    shapes: Path, weights: Path, command_line: Command, quick: tuple[object, ...], tmp_path: Path
) -> None:
    """One line names the photo, and no folder is left."""
    photos = tmp_path / "photos"
    shutil.copytree(shapes, photos)
    broken = photos / "box" / "large" / "3.png"
    broken.write_bytes(broken.read_bytes()[:40])

    done = command_line(photos, "--weights", weights, "--out", tmp_path / "run", *quick)

    assert done.status == 2
    assert str(broken) in _one_line(done.error)
    assert list(tmp_path.iterdir()) == [photos]


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        (["--weights", "nowhere.weights.h5", "--batch", 9], 2, "nowhere.weights.h5"),
        (["--weights", "none", "--epochs", 0], 2, "random weights know nothing"),
        (["--weights", "none", "--batch", 1000], 2, "48 training photos"),
        (["--weights", "none", "--batch", 9, "--hold-out-source", "dave"], 2, "'dave'"),
        (["--weights", "none", "--extra", "nowhere"], 2, "nowhere"),
    ],
)
def test_bad_options_are_refused_in_one_line(
    shapes: Path, command_line: Command, tmp_path: Path, options: list[object], status: int, expected: str
) -> None:
    """With the right status, and no folder is left."""
    done = command_line(shapes, "--out", tmp_path / "run", "--size", 32, *options)

    assert done.status == status
    assert expected in _one_line(done.error)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_class_folder_is_refused(command_line: Command, tmp_path: Path) -> None:
    """One line names the folder."""
    (tmp_path / "photos" / "empty").mkdir(parents=True)

    done = command_line(tmp_path / "photos", "--weights", "none", "--out", tmp_path / "run")

    assert done.status == 2
    assert str(tmp_path / "photos" / "empty") in _one_line(done.error)


def test_a_run_that_exists_is_not_overwritten(finished: Run, command_line: Command) -> None:
    """Hours of work are not lost to an arrow key."""
    before = sorted(finished.folder.iterdir())

    done = command_line(finished.dataset, "--weights", "none", "--out", finished.folder)

    assert done.status == 2
    assert "choose another --out" in _one_line(done.error)
    assert sorted(finished.folder.iterdir()) == before


def _one_line(error: str) -> str:
    lines = [line for line in error.splitlines() if line.startswith("python -m train: ")]
    assert len(lines) == 1, error
    assert "Traceback" not in error
    return lines[0]


def _custom_modules(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    modules = {part.split('"')[1] for part in config.split('"module": ')[1:] if part.startswith('"')}
    return {module for module in modules if module != "builtins" and not module.startswith(STANDARD)}
