"""What the tests of the device share: a tiny bundle, rendered belts, and files of a line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.bundle import encode_golden, sha256, write_bundle
from edge.bundle.manifest import FORMAT, InputSpec, Manifest, Variant
from edge.preprocess import Image
from edge.sim.scene import Scene

LABELS = ("kitchen", "recyclable", "other", "hazardous")
SIX_LABELS = ("glass", "metal", "paper", "plastic", "textile", "wood")
SIZE = 32
OPSET, IR = 17, 8

FPS = 30
MM_PER_PX, SPEED_MM_S = 2.0, 400.0
HASTE = 2
"""Recordings are played so many times faster than they were rendered, on a belt that is so many times faster."""

Parts = tuple[Manifest, dict[str, bytes]]


def weights(classes: int, size: int = SIZE) -> np.ndarray:
    """The linear classifier's weights: every pixel counts, and the winner is usually sure."""
    return np.random.default_rng(classes).normal(0, 0.2, (size * size * 3, classes)).astype(np.float32)


def tiny_onnx(classes: int, size: int = SIZE, kind: int = TensorProto.UINT8) -> bytes:
    """A softmax over a linear map of all pixels, (N, size, size, 3) in, (N, classes) float32 out."""
    constants = {
        "flat": np.array([-1, size * size * 3]),
        "middle": np.float32(127.5),
        "weights": weights(classes, size) / np.float32(255),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["real", "middle"], ["centred"]),
        helper.make_node("Reshape", ["centred", "flat"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", kind, ["n", size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def answers_of(inputs: Image, classes: int) -> np.ndarray:
    """What `tiny_onnx` answers, by numpy: (N, classes) float32."""
    logits = (inputs.reshape(len(inputs), -1).astype(np.float64) - 127.5) / 255 @ weights(classes, inputs.shape[1])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def make_parts(labels: tuple[str, ...] = LABELS, **changes: Any) -> Parts:
    """Manifest and members of a tiny bundle; `model`, `golden`, `parity` and fields of the manifest may be replaced."""
    inputs = np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
    model = changes.pop("model", None) or tiny_onnx(len(labels))
    expected = changes.pop("expected", answers_of(inputs, len(labels)))
    golden = changes.pop("golden", None) or encode_golden(inputs, {"model-int8.onnx": expected})
    parity = changes.pop("parity", b"{}\n")
    variant = Variant(
        file="model-int8.onnx",
        format="onnx",
        precision="int8",
        provider="cpu",
        sha256=sha256(model),
        bytes=len(model),
        tolerance=0.001,
        parity={"accuracy": 0.5},
    )
    fields: dict[str, Any] = {
        "format": FORMAT,
        "id": "tiny-1",
        "version": 1,
        "labels": labels,
        "input": InputSpec(size=SIZE),
        "temperature": 1.0,
        "variants": (variant,),
        "golden_sha256": sha256(golden),
        "parity_sha256": sha256(parity),
        "dataset": {},
        "training": {},
        "tools": {},
        "created": "2026-01-02T03:04:05Z",
    }
    manifest = Manifest(**{**fields, **changes})
    return manifest, {"model-int8.onnx": model, "golden.npz": golden, "parity.json": parity}


def render(folder: Path, items: int, seed: int) -> Scene:
    """A belt with items as numbered JPEG files."""
    scene = Scene(items, seed=seed, width_px=320, height_px=240, mm_per_px=MM_PER_PX, speed_mm_s=SPEED_MM_S, lead_s=1.0)
    for number in range(round(scene.duration_s * FPS)):
        picture = cv2.cvtColor(scene.frame(number / FPS), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:05}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return scene


@pytest.fixture
def bundle_parts() -> Callable[..., Parts]:
    """`make_parts`: manifest and members of a tiny bundle, sound unless something is replaced."""
    return make_parts


@pytest.fixture
def onnx_model() -> Callable[..., bytes]:
    """`tiny_onnx`: a linear classifier of so many classes."""
    return tiny_onnx


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the four reference classes at 32 pixels, whose answers depend on every pixel."""
    path = tmp_path_factory.mktemp("bundle") / "tiny.bundle"
    write_bundle(path, *make_parts())
    return path


@pytest.fixture(scope="session")
def failing_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose model answers to its golden pictures, all of which begin black, and fails on any other."""
    inputs = np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
    inputs[:, 0, 0] = 0
    answers = {"model-int8.onnx": answers_of(inputs, len(LABELS))}
    path = tmp_path_factory.mktemp("bundle") / "failing.bundle"
    write_bundle(path, *make_parts(model=_that_fails(tiny_onnx(len(LABELS))), golden=encode_golden(inputs, answers)))
    return path


def _that_fails(content: bytes) -> bytes:
    """The model with a look into a table of one row by the first pixel: onnxruntime refuses an index of 1 and more."""
    model = onnx.load_from_string(content)
    graph, answer = model.graph, model.graph.output[0].name
    graph.node[-1].output[0] = "answer"
    first = {"begin": np.zeros(4, np.int64), "end": np.ones(4, np.int64), "table": np.zeros(1, np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in first.items())
    graph.node.extend(
        [
            helper.make_node("Slice", ["image", "begin", "end"], ["pixel"]),
            helper.make_node("Cast", ["pixel"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "index"], ["looked_up"]),
            helper.make_node("ReduceMax", ["looked_up"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["answer", "nothing"], [answer]),
        ]
    )
    failing: bytes = model.SerializeToString()
    return failing


@pytest.fixture(scope="session")
def six_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of six classes with other names."""
    path = tmp_path_factory.mktemp("bundle") / "six.bundle"
    write_bundle(path, *make_parts(SIX_LABELS, id="six-1"))
    return path


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scene]:
    """A folder with the pictures of three items on a belt, and the scene that they show."""
    folder = tmp_path_factory.mktemp("recording")
    return folder, render(folder, items=3, seed=1)


@pytest.fixture
def line_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a line's file for recordings of `render`, with gates for `bins`; `camera` and `more` are TOML."""

    def write(
        bundle: Path, source: object, *, port: int = 1, bins: tuple[str, ...] = LABELS, camera: str = "", more: str = ""
    ) -> Path:
        gates = "".join(f"[gates.{name}]\ndistance_mm = 3000\n" for name in (*bins, "reject"))
        path = tmp_path / "l1.toml"
        path.write_text(
            f'line = "l1"\nbundle = "{bundle}"\n'
            f'[camera]\nsource = "{source}"\nfps = {FPS * HASTE}\n{camera}\n'
            f'[belt]\ndirection = "right"\nspeed_mm_s = {SPEED_MM_S * HASTE}\nmm_per_px = {MM_PER_PX}\nline_mm = 320\n'
            f'[ledger]\npath = "ledger.db"\nrows = 1000\n[mqtt]\nport = {port}\n{gates}{more}\n'
        )
        return path

    return write


@pytest.fixture
def a_gate() -> Callable[..., Any]:
    """`python -m edge gate` on line l1's bin recyclable: enter with a broker and further options."""

    @contextmanager
    def run(broker: Any, *options: str) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, "-m", "edge", "gate", "--line", "l1", "--bin", "recyclable"]
        with subprocess.Popen(
            [*command, "--port", str(broker.port), *options],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return run
