"""A dataset of coloured shapes that the tests draw themselves, weights to start from, and one finished run on both."""

import contextlib
import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from train import __main__ as command

SIZE = 32
COLOURS = {"ball": (220, 40, 40), "box": (40, 200, 60), "bar": (50, 60, 230)}
SOURCES = ("alice", "bob", "carol")
TRAIN, TEST = 18, 6
"""Photos of each class."""


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    error: str


class Run(NamedTuple):
    """A finished training run and what went in."""

    folder: Path
    dataset: Path
    out: str


Command = Callable[..., Done]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras 3.15 converts TensorFlow's tensors in a way that numpy 2 deprecates."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes in two subclasses each, three sources, with a manifest."""
    return draw_dataset(tmp_path_factory.mktemp("photos") / "shapes")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> Path:
    """Backbone weights as a file: random, yet good enough to tell the shapes apart by a head on their features.

    For that BatchNorm is fitted to the photos, and the residual branches are damped, which at random drown the input.
    """
    keras.utils.set_random_seed(1)
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg")
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        if layer.name.endswith("_3_bn"):
            layer.gamma.assign(0.2 * layer.gamma)
    photos = np.stack([cv2.imread(str(path)) for path in sorted(shapes.rglob("*.png"))])
    backbone(keras.applications.resnet50.preprocess_input(photos[:, :, :, ::-1].astype(np.float32)), training=True)
    path = tmp_path_factory.mktemp("weights") / "shapes.weights.h5"
    backbone.save_weights(path)
    return path


@pytest.fixture(scope="session")
def finished(shapes: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of the real command: head, then the whole network, with carol's photos held out."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = train(shapes, "--weights", weights, "--out", folder, *QUICK, "--hold-out-source", "carol")
    assert done.status == 0, done
    return Run(folder, shapes, done.out)


@pytest.fixture(scope="session")
def saved(finished: Run) -> keras.Model:
    """Its model, opened as anybody would."""
    return keras.saving.load_model(finished.folder / "model.keras", compile=False, safe_mode=True)


@pytest.fixture(scope="session")
def command_line() -> Command:
    """Run `python -m train` with arguments, in this process."""
    return train


QUICK = ("--size", SIZE, "--batch", 9, "--epochs", 1, "--head-epochs", 20, "--augment", 0.3)


@pytest.fixture
def quick() -> tuple[object, ...]:
    """Options that make a run short."""
    return QUICK


def train(*arguments: object) -> Done:
    """Run the real command line on the CPU, catching what it prints: session fixtures have no capsys."""
    if not {"--device", "doctor", "check"} & set(arguments):
        arguments += ("--device", "cpu")
    out, error = io.StringIO(), io.StringIO()
    status = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
        patch.object(sys, "argv", ["train", *map(str, arguments)]),
    ):
        try:
            command.main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, out.getvalue(), error.getvalue())


def draw_dataset(root: Path) -> Path:
    """Write the photos and manifest.csv."""
    rng = np.random.default_rng(0)
    rows = [_draw(root, rng, label, number) for label in COLOURS for number in range(TRAIN + TEST)]
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "class", "subclass", "split", "source"])
        writer.writeheader()
        writer.writerows(rows)
    return root


def _draw(root: Path, rng: np.random.Generator, label: str, number: int) -> dict[str, str]:
    subclass = ("small", "large")[number % 2]
    path = root / label / subclass / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(_shape(rng, label, 9 + 3 * (number % 2)), cv2.COLOR_RGB2BGR))
    split = "train" if number < TRAIN else "test"
    place = path.relative_to(root).as_posix()
    return {"path": place, "class": label, "subclass": subclass, "split": split, "source": SOURCES[number % 3]}


def _shape(rng: np.random.Generator, label: str, radius: int) -> NDArray[np.uint8]:
    photo = np.clip(rng.normal(128, 12, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    x, y = (int(value) for value in rng.integers(radius, SIZE - radius, 2))
    if label == "ball":
        cv2.circle(photo, (x, y), radius, COLOURS[label], -1)
    else:
        height = radius if label == "box" else radius // 3
        cv2.rectangle(photo, (x - radius, y - height), (x + radius, y + height), COLOURS[label], -1)
    return photo
