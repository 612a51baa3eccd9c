"""Photos, a small network trained on them, and the command itself, for all tests of the export."""

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.photos.dataset import fingerprint, open_dataset
from edge.preprocess import model_input
from edge.runfile import RunRecord, write_run

ROOT = Path(__file__).parents[2]
SIZE = 32
LABELS = ("blue", "green", "red")
PHOTOS_PER_CLASS = 40

Command = Callable[..., subprocess.CompletedProcess[str]]
RunMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def export_command() -> Command:
    """`python -m export` with these arguments, to its end."""

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "export", *map(str, arguments)]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)

    return command


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three classes: a noisy blot of the class's colour on a grey ground."""
    root = tmp_path_factory.mktemp("photos") / "blots"
    rng = np.random.default_rng(0)
    for channel, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for number in range(PHOTOS_PER_CLASS):
            cv2.imwrite(str(root / label / f"{number:03}.png"), _blot(channel, rng))
    return root


@pytest.fixture(scope="session")
def network(photos: Path) -> Any:
    """A residual network of two convolutions with trained BatchNorm, fitted to the photos."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        keras.utils.set_random_seed(0)
        dataset = open_dataset(photos)
        train = dataset.split("train")
        inputs = np.stack([model_input(photo.path, SIZE) for photo in train])
        model = _small_network(keras)
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(inputs, np.array(dataset.indices(train)), batch_size=28, epochs=12, verbose=0)
        return model


@pytest.fixture(scope="session")
def make_run(photos: Path) -> RunMaker:
    """Writes a run folder as training does; keywords change the record."""

    def make(folder: Path, network: Any, **changes: Any) -> Path:
        folder.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Keras on numpy 2
            network.save(folder / "model.keras")
        content = (folder / "model.keras").read_bytes()
        record = {
            "labels": LABELS,
            "size": SIZE,
            "dataset": str(photos),
            "dataset_fingerprint": fingerprint(open_dataset(photos)),
            "settings": {"weights": "/home/somebody/start.weights.h5", "epochs": 12},
            "tools": {"keras": "3"},
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "finished": "2026-01-02T03:04:05Z",
        }
        write_run(folder, RunRecord(**{**record, **changes}))
        return folder

    return make


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, make_run: RunMaker, network: Any) -> Path:
    """The run of the fitted network."""
    return make_run(tmp_path_factory.mktemp("run") / "fitted", network)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, export_command: Command, run_folder: Path) -> Path:
    """The bundle of the fitted network with both precisions; its JSON line is in the file beside it."""
    target = tmp_path_factory.mktemp("bundle") / "blots.bundle"
    done = export_command(run_folder / "model.keras", *EXPORT, "--out", target)
    assert done.returncode == 0, done.stderr
    target.with_suffix(".json").write_text(done.stdout.splitlines()[-1])
    return target


EXPORT = ("--quantize", "int8", "--quantize", "fp32", "--calibration", 31, "--version", 7, "--json")


def _blot(channel: int, rng: np.random.Generator) -> np.ndarray:
    """(40, 48, 3) uint8, BGR."""
    picture = rng.integers(90, 150, (40, 48, 3), dtype=np.uint8)
    colour = [60, 60, 60]
    colour[channel] = int(rng.integers(150, 250))
    centre = (int(rng.integers(18, 30)), int(rng.integers(14, 26)))
    cv2.circle(picture, centre, int(rng.integers(6, 13)), colour, -1)
    return picture


def _small_network(keras: Any) -> Any:
    layers = keras.layers
    photo = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="photo")
    x = layers.Rescaling(1.0, [-123.68, -116.779, -103.939], dtype="float32")(photo)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(layers.Conv2D(8, 3, strides=2, padding="same")(x)))
    y = layers.BatchNormalization(momentum=0.8)(layers.Conv2D(8, 3, padding="same")(x))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D()(x))
    x = layers.Dense(len(LABELS), dtype="float32")(x)
    return keras.Model(photo, layers.Softmax(dtype="float32")(x))
