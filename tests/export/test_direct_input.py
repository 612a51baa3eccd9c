"""Photos go into the first int8 convolution as the bytes that they are, and come to the same."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge.engine.onnx_cpu import OnnxCpu
from edge.photos.dataset import open_dataset
from edge.preprocess import model_input
from export.calibration import draw_calibration
from export.direct_input import feed_bytes
from export.onnx_float import write_float_onnx
from export.parity import PerPhoto
from export.quantize import Calibration, Recipe, _quantize, write_int8_onnx

SIZE = 32


@pytest.fixture(scope="module")
def float_onnx(tmp_path_factory: pytest.TempPathFactory, network: Any) -> Path:
    """The fitted network as float32 ONNX."""
    return write_float_onnx(network, SIZE, tmp_path_factory.mktemp("float"))


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Calibration:
    """Thirty training photos."""
    dataset = open_dataset(photos)
    drawn = draw_calibration([dataset], dataset.labels, 30, 0)
    return Calibration(drawn, SIZE, tmp_path_factory.mktemp("ranges"))


@pytest.fixture(scope="module")
def rounding(float_onnx: Path, calibration: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 model that casts, subtracts and rounds before its first convolution, as onnxruntime makes it."""
    target = tmp_path_factory.mktemp("rounding") / "int8.onnx"
    front = [node.name for node in onnx.load(float_onnx).graph.node if node.op_type in ("Cast", "Add")][:2]
    _quantize(float_onnx, Recipe("minmax"), calibration, target, exclude=front)
    return target


@pytest.fixture
def direct(rounding: Path, tmp_path: Path) -> Path:
    """The same, fed with bytes."""
    target = Path(shutil.copy(rounding, tmp_path / "direct.onnx"))
    feed_bytes(target)
    return target


def test_photos_are_decided_as_by_the_float_model(float_onnx: Path, direct: Path, photos: Path) -> None:
    """All of them, and with probabilities within a point in the mean: each colour's own mean is in the bias."""
    pictures = np.stack([model_input(photo.path, SIZE) for photo in open_dataset(photos).photos])

    exact, after = (PerPhoto(OnnxCpu(path.read_bytes()))(pictures) for path in (float_onnx, direct))

    assert (exact.argmax(axis=1) == after.argmax(axis=1)).all()
    assert np.abs(exact - after).mean() < 0.01


def test_what_is_no_longer_used_is_gone(rounding: Path, direct: Path) -> None:
    """Three nodes and their numbers."""
    before, after = (onnx.load(path).graph for path in (rounding, direct))
    kinds = [Counter(node.op_type for node in graph.node) for graph in (before, after)]

    assert kinds[0] - kinds[1] == {"Cast": 1, "Add": 1, "QuantizeLinear": 1}
    used = {name for node in after.node for name in node.input}
    assert {tensor.name for tensor in after.initializer} <= used


def test_a_first_convolution_in_float_keeps_its_float_photo(
    tmp_path: Path, float_onnx: Path, calibration: Calibration
) -> None:
    """There is no integer to read there."""
    first = next(node.name for node in onnx.load(float_onnx).graph.node if node.op_type == "Conv")
    target = tmp_path / "int8.onnx"

    write_int8_onnx(float_onnx, Recipe("minmax", in_float=(first,)), calibration, target)

    assert [node.op_type for node in onnx.load(target).graph.node if node.op_type == "Cast"] == ["Cast"]
