"""Quantizing to int8: ranges, layers left in float, and what is done when the gate is missed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime import quantization as ort

from edge.bundle.bundle import open_bundle
from edge.engine.onnx_cpu import OnnxCpu
from edge.errors import Refused
from edge.photos.dataset import Dataset, open_dataset
from edge.preprocess import model_input
from export.calibration import draw_calibration
from export.choice import best_recipe
from export.onnx_float import INPUT, write_float_onnx
from export.parity import Limits, PerPhoto, compare
from export.plan import HowToMake, Order, Plan, make_plan
from export.quantize import METHODS, Calibration, Recipe, available_methods, refuse_float_weights, write_int8_onnx
from export.sensitivity import layers, rank_layers
from export.statistics import Exam
from export.variants import KINDS

SIZE = 32
Command = Callable[..., Any]
MakeRun = Callable[..., Path]
UNAVAILABLE = 69


@pytest.fixture(scope="module")
def float_onnx(tmp_path_factory: pytest.TempPathFactory, network: Any) -> Path:
    """The fitted network as float32 ONNX."""
    return write_float_onnx(network, SIZE, tmp_path_factory.mktemp("float"))


@pytest.fixture(scope="module")
def dataset(photos: Path) -> Dataset:
    """The blots."""
    return open_dataset(photos)


@pytest.fixture
def calibration(tmp_path: Path, dataset: Dataset) -> Calibration:
    """Thirty training photos."""
    return Calibration(draw_calibration([dataset], dataset.labels, 30, 0), SIZE, tmp_path)


@pytest.fixture
def plan(run_folder: Path) -> Plan:
    """An order of int8 whose calibration method is to be found out."""
    making = HowToMake(method="auto")
    return make_plan(Order(run_folder, ("int8",), (), None, None, 1, 30, 0, Limits(), making))


@pytest.mark.parametrize(("reduce_range", "most"), [(False, 127), (True, 64)])
def test_reduced_range_leaves_seven_bits(
    *, reduce_range: bool, most: int, tmp_path: Path, float_onnx: Path, calibration: Calibration
) -> None:
    """Weights use all of int8 by default, and seven bits for processors without VNNI."""
    target = tmp_path / "int8.onnx"

    write_int8_onnx(float_onnx, Recipe("percentile", reduce_range), calibration, target)

    weights = [numpy_helper.to_array(tensor) for tensor in onnx.load(target).graph.initializer]
    largest = max(int(np.abs(weight.astype(int)).max()) for weight in weights if weight.ndim == 4)
    assert largest == most


@pytest.mark.parametrize("method", [method for method in METHODS if method != "nncf"])
def test_every_method_decides_as_float(
    method: Any, tmp_path: Path, float_onnx: Path, calibration: Calibration, dataset: Dataset
) -> None:
    """Whatever sets the ranges, int8 decides as float32 does."""
    target = tmp_path / "int8.onnx"

    write_int8_onnx(float_onnx, Recipe(method), calibration, target)

    pictures = _test_pictures(dataset)
    assert (_answers(target, pictures).argmax(axis=1) == _answers(float_onnx, pictures).argmax(axis=1)).all()


def test_layers_left_in_float_are_those_asked_for(tmp_path: Path, float_onnx: Path, calibration: Calibration) -> None:
    """A named layer keeps its float weights, all others get int8."""
    target = tmp_path / "int8.onnx"
    named = next(node.name for node in onnx.load(float_onnx).graph.node if node.op_type == "Conv")

    write_int8_onnx(float_onnx, Recipe("minmax", in_float=(named,)), calibration, target)

    graph = onnx.load(target).graph
    floats = {tensor.name for tensor in graph.initializer if tensor.data_type == 1 and len(tensor.dims) > 1}
    assert [node.name for node in graph.node if floats & set(node.input)] == [named]


def test_auto_keeps_the_method_nearest_to_float(tmp_path: Path, plan: Plan, float_onnx: Path) -> None:
    """All methods that are installed are tried on photos that are neither tested nor calibrated on."""
    recipe, trials = best_recipe(plan, float_onnx, tmp_path)

    best = min(trials, key=lambda trial: trial.mean_abs_dp)

    assert tuple(trial.method for trial in trials) == available_methods()
    assert recipe.method == best.method
    assert plan.held_out
    assert {photo.split for photo in plan.held_out} == {"train"}
    assert not set(plan.held_out) & {*plan.calibration, *plan.test}


@pytest.mark.skipif("nncf" in available_methods(), reason="NNCF is installed here")
def test_nncf_that_is_not_installed_is_said(
    tmp_path: Path, plan: Plan, float_onnx: Path, export_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for by name it is an error before anything slow; auto says so and goes on."""
    best_recipe(plan, float_onnx, tmp_path)

    done = export_command(plan.run.model, "--calibrate", "nncf", "--calibration", 30)

    assert "nncf is not installed: auto goes on without it" in capsys.readouterr().err
    assert done.returncode == UNAVAILABLE
    assert done.stderr.splitlines()[-1].startswith("export: --calibrate nncf: expected NNCF, found none")


def test_a_bad_quantization_is_caught(tmp_path: Path, float_onnx: Path, dataset: Dataset) -> None:
    """One scale for all channels and ranges from dimmed photos of one class: the gate sees what it does."""
    target = tmp_path / "bad.onnx"
    pictures = _test_pictures(dataset)
    of_one_class = [photo for photo in dataset.split("train") if photo.label == dataset.labels[0]][:8]
    dim = np.stack([model_input(photo.path, SIZE) for photo in of_one_class]) // 16

    _quantize_badly(float_onnx, dim, target)

    exam = Exam(dataset.labels, np.array(dataset.indices(dataset.split("test"))), _answers(float_onnx, pictures))
    failures = compare(KINDS["int8"], _answers(target, pictures), exam, Limits()).failures
    assert any(failure.startswith("agreement") for failure in failures)
    assert any(failure.startswith("accuracy drop") for failure in failures)


def test_the_layers_that_cost_most_come_first(
    tmp_path: Path, calibration: Calibration, network: Any, dataset: Dataset
) -> None:
    """Where one channel leaves all others no steps, the layers that make it and take it lead the ranking."""
    float_onnx = write_float_onnx(with_an_outlier_channel(network), SIZE, tmp_path)

    ranked = rank_layers(float_onnx, Recipe("minmax"), calibration, _test_pictures(dataset), tmp_path)

    costs = [cost.mean_abs_dp for cost in ranked]
    assert sorted(cost.layer for cost in ranked) == sorted(layers(float_onnx))
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > 0.1
    assert costs[-1] < 0.01


def test_a_ruined_network_passes_with_its_dearest_layers_in_float(
    tmp_path: Path, export_command: Command, make_run: MakeRun, network: Any
) -> None:
    """The export finds them itself, says which they are and what they cost, and writes them into the report."""
    run = make_run(tmp_path / "run", with_an_outlier_channel(network))

    done = export_command(run, "--calibration", 30, "--min-float-agreement", 0.9, "--out", tmp_path / "x.bundle")

    bundle = open_bundle(tmp_path / "x.bundle")
    left = json.loads(bundle.members["parity.json"])["left_in_float"]["layers"]
    named = [entry["layer"] for entry in left]
    assert done.returncode == 0, done.stderr
    assert f"leaving in float: {', '.join(named)}" in done.stderr
    assert f"{len(named)} layers in float: " in done.stderr
    assert "ms instead of" in done.stderr
    assert 0 < len(named) < len([node for node in _graph(bundle).node if node.op_type != "Constant"])
    assert any(node.op_type == "QuantizeLinear" for node in _graph(bundle).node)


def test_float_weights_are_refused_unless_asked_for(tmp_path: Path, float_onnx: Path, calibration: Calibration) -> None:
    """A layer that stays in float though nobody allowed it ends the export by its name."""
    recipe = Recipe("minmax", in_float=("no such layer",))
    conv = next(node.name for node in onnx.load(float_onnx).graph.node if node.op_type == "Conv")
    write_int8_onnx(float_onnx, replace(recipe, in_float=(conv,)), calibration, tmp_path / "mixed.onnx")

    with pytest.raises(Refused, match="expected every layer with weights in int8") as caught:
        refuse_float_weights(tmp_path / "mixed.onnx", allowed=recipe.in_float)

    assert conv in str(caught.value)


def with_an_outlier_channel(network: Any) -> Any:
    """The same decisions in float; one constant channel of a hundred thousand, which the head ignores."""
    features, head = network.layers[-3].input, network.layers[-2]
    channels = features.shape[-1]
    widen = keras.layers.Conv2D(channels + 1, 1)
    wide_head = keras.layers.Dense(head.units)
    answer = keras.layers.Softmax()(wide_head(keras.layers.GlobalAveragePooling2D()(widen(features))))
    kernel, bias = head.get_weights()
    widen.set_weights([np.eye(channels, channels + 1)[None, None], np.eye(channels + 1)[channels] * 100_000])
    wide_head.set_weights([np.vstack([kernel, np.zeros((1, head.units))]), bias])
    return keras.Model(network.input, answer)


def _quantize_badly(float_onnx: Path, pictures: Any, target: Path) -> None:
    class Reader(ort.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self.left, None)
            return None if picture is None else {INPUT: picture[None]}

    ort.quantize_static(str(float_onnx), str(target), Reader(), per_channel=False, activation_type=ort.QuantType.QUInt8)


def _test_pictures(dataset: Dataset) -> Any:
    return np.stack([model_input(photo.path, SIZE) for photo in dataset.split("test")])


def _answers(model: Path, pictures: Any) -> Any:
    return PerPhoto(OnnxCpu(model.read_bytes()))(pictures)


def _graph(bundle: Any) -> Any:
    return onnx.load_from_string(bundle.members["model-int8.onnx"]).graph
