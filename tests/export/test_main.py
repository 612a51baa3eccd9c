"""`python -m export`, from a run on disk to a bundle or a refusal."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge.bundle.bundle import open_bundle
from edge.engine.engine import open_classifier
from edge.photos.dataset import content_sha256, open_dataset
from edge.preprocess import model_input

Command = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
SIZE = 32
EXPORT = ("--quantize", "int8", "--quantize", "fp32", "--calibration", 31, "--version", 7, "--json")
REFUSED, USAGE = 1, 2


def test_a_bundle_decides_as_the_network(exported: Path, network: Any, photos: Path) -> None:
    """The int8 model of the bundle decides every test photo as the Keras network does, after its own self-test."""
    bundle = open_bundle(exported)
    test = open_dataset(photos).split("test")
    inputs = np.stack([model_input(photo.path, SIZE) for photo in test])

    classifier = open_classifier(bundle, bundle.variant("int8"), "onnxruntime-cpu", threads=1)
    answers = np.concatenate([classifier(inputs[i : i + 1]) for i in range(len(inputs))])

    expected = np.asarray(network(inputs, training=False))
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.98
    assert np.abs(answers - expected).max() < 0.1


def test_the_float_variant_is_the_network(exported: Path, network: Any) -> None:
    """The fp32 model's golden answers are the Keras network's, to within rounding."""
    bundle = open_bundle(exported)

    golden = bundle.golden(bundle.variant("fp32"))

    expected = np.asarray(network(golden.inputs, training=False))
    assert np.abs(golden.expected - expected).max() < 1e-4


def test_the_manifest_names_its_origin_and_no_place(exported: Path, run_folder: Path, photos: Path) -> None:
    """Manifest and report cite labels, version, fingerprints and tools; neither cites a folder of this machine."""
    manifest = open_bundle(exported).manifest

    text = exported.read_bytes()

    assert (manifest.id, manifest.version, manifest.labels) == ("blots-7", 7, ("blue", "green", "red"))
    assert manifest.created == "2026-01-02T03:04:05Z"
    assert manifest.training["settings.weights"] == "start.weights.h5"
    assert manifest.dataset["fingerprint"] == manifest.dataset["trained_on_fingerprint"]
    assert {"tensorflow", "tf2onnx", "onnxruntime"} <= set(manifest.tools)
    for place in (run_folder, photos, Path("/home/somebody")):
        assert str(place).encode() not in text


def test_the_json_line_gives_the_figures(exported: Path) -> None:
    """The last line of --json names each variant's file, size, agreement, accuracy, drop, difference and verdict."""
    line = json.loads(exported.with_suffix(".json").read_text())

    files = {variant["file"]: variant for variant in line["variants"]}

    assert line["bundle"] == str(exported)
    assert set(files) == {"model-fp32.onnx", "model-int8.onnx"}
    for variant in open_bundle(exported).manifest.variants:
        figures = files[variant.file]
        assert figures["passed"] is True
        assert figures["bytes"] == variant.bytes
        assert figures["agreement"] == pytest.approx(variant.parity["agreement"], abs=1e-6)
        assert {"accuracy", "accuracy_drop", "max_abs_dp"} <= set(figures)


def test_the_report_lists_calibration_photos_of_the_training_split(exported: Path, photos: Path) -> None:
    """parity.json names every calibration photo by hash; none of them is a test photo."""
    dataset = open_dataset(photos)
    train = set(content_sha256(dataset.split("train")).values())
    test = set(content_sha256(dataset.split("test")).values())

    drawn = json.loads(open_bundle(exported).members["parity.json"])["calibration"]["sha256"]

    assert len(drawn) == 31
    assert set(drawn) <= train - test


def test_the_same_run_gives_the_same_bytes(exported: Path, export_command: Command, run_folder: Path) -> None:
    """A second export of the same run, in another process, is the same file."""
    again = exported.with_name("again.bundle")

    done = export_command(run_folder, *EXPORT, "--name", "blots", "--out", again)

    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(exported.read_bytes()).digest()


def test_a_network_that_int8_ruins_is_refused(
    tmp_path: Path, export_command: Command, make_run: Callable[..., Path], network: Any
) -> None:
    """A channel a thousand times larger than all others leaves int8 no steps for them: exit 1 and no bundle."""
    run = make_run(tmp_path / "run", _with_an_outlier_channel(network))

    done = export_command(run, "--calibration", 30, "--max-float-layers", 0, "--json")

    line = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == REFUSED
    assert line["bundle"] is None
    assert [variant["passed"] for variant in line["variants"]] == [False]
    assert "FAILS" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("export: model-int8.onnx: accuracy drop")
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "run.json"]


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, run_folder: Path) -> None:
    """Ctrl-C in the middle ends with status 130, no bundle and no temporary folder."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [
        sys.executable,
        "-m",
        "export",
        str(run_folder),
        "--calibration",
        "30",
        "--out",
        str(tmp_path / "x.bundle"),
    ]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: any(tmp_path.glob("sortline-export-*")))

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said.splitlines()[-1] == "export: told to end; nothing was left behind"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["nowhere"], USAGE, "expected a training run (RUN or RUN/model.keras), found no nowhere/model.keras"),
        (["RUN", "--dataset", "nowhere"], USAGE, "nowhere: expected a folder DATASET/<class>/<photo>, found no folder"),
        (["RUN", "--calibration", "256"], USAGE, "class 'blue': expected 86 training photos to calibrate on, found 28"),
        (["RUN", "--out", "nowhere/x.bundle"], REFUSED, "nowhere/x.bundle: expected a place to write the bundle to"),
        (["RUN", "--out", "tests"], REFUSED, "tests: expected a file to write the bundle to, found a folder"),
        (["RUN", "--calibration", "30", "--name", "A B"], USAGE, "--name: expected lower-case letters"),
        (["RUN", "--quantize", "int4"], USAGE, "'int4' is not one of"),
        (["RUN", "--max-drop", "2"], USAGE, "--max-drop'"),
        (["RUN", "--protect", "pink"], USAGE, "--protect: expected classes with test photos ['blue', 'green', 'red']"),
    ],
)
def test_a_bad_order_is_one_line(
    arguments: list[str], status: int, line: str, export_command: Command, run_folder: Path
) -> None:
    """Whatever is wrong with an order is said in one line with its status, before TensorFlow is loaded."""
    words = [str(run_folder) if word == "RUN" else word for word in arguments]

    done = export_command(*words)

    assert done.returncode == status
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (run_folder / "blots.bundle").exists()


def test_classes_that_the_model_does_not_know_are_refused(
    tmp_path: Path, export_command: Command, run_folder: Path, photos: Path
) -> None:
    """A dataset with another class than the model's is refused by name."""
    (tmp_path / "other").mkdir()
    for folder in [*photos.iterdir()]:
        (tmp_path / "other" / folder.name).symlink_to(folder)
    (tmp_path / "other" / "pink").symlink_to(photos / "red")

    done = export_command(run_folder, "--dataset", tmp_path / "other")

    assert done.returncode == USAGE
    assert "found also ['pink']" in done.stderr


def test_a_broken_photo_is_named_and_nothing_is_written(
    tmp_path: Path, export_command: Command, run_folder: Path, photos: Path
) -> None:
    """A test photo that ends early stops the export by its name, with the status of a bad dataset."""
    shutil.copytree(photos, tmp_path / "blots")
    broken = open_dataset(tmp_path / "blots").split("test")[-1].path
    broken.write_bytes(broken.read_bytes()[:9])
    target = tmp_path / "x.bundle"

    done = export_command(run_folder, "--dataset", tmp_path / "blots", "--calibration", 30, "--out", target)

    last = done.stderr.splitlines()[-1]
    assert done.returncode == USAGE
    assert last.startswith("export: ")
    assert "replace or remove it" in last
    assert not target.exists()


def test_a_run_whose_photos_are_gone_says_so(
    tmp_path: Path, export_command: Command, make_run: Callable[..., Path], network: Any
) -> None:
    """The record names a dataset of another machine: the line says how to name it here."""
    run = make_run(tmp_path / "run", network, dataset=str(tmp_path / "gone"))

    done = export_command(run)

    assert done.returncode == USAGE
    assert "say with --dataset where they lie" in done.stderr


def _with_an_outlier_channel(network: Any) -> Any:
    """The same decisions in float; one constant channel of a thousand, which the head ignores."""
    features, head = network.layers[-3].input, network.layers[-2]
    channels = features.shape[-1]
    widen = keras.layers.Conv2D(channels + 1, 1)
    wide_head = keras.layers.Dense(head.units)
    answer = keras.layers.Softmax()(wide_head(keras.layers.GlobalAveragePooling2D()(widen(features))))
    kernel, bias = head.get_weights()
    widen.set_weights([np.eye(channels, channels + 1)[None, None], np.eye(channels + 1)[channels] * 100_000])
    wide_head.set_weights([np.vstack([kernel, np.zeros((1, head.units))]), bias])
    return keras.Model(network.input, answer)


def _wait_for(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"nothing happened within {limit_s} s"
        time.sleep(0.02)
