"""Every kind of variant in one bundle: fp16 for CUDA and the four of TFLite beside int8."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edge.bundle.bundle import Bundle, open_bundle
from edge.config import EngineConfig
from edge.engine.engine import open_classifier, open_engine
from edge.engine.litert import TFLITE, Litert, tflite_runtime
from edge.engine.runtimes import on_processor
from edge.errors import ProviderError, Refused
from edge.photos.dataset import open_dataset
from edge.preprocess import model_input
from export.tflite import refuse_lost_weights
from export.variants import KINDS

SIZE = 32
Command = Callable[..., Any]
OTHERS = ("fp16", "tflite-int8", "tflite-fp32", "tflite-fp16", "tflite-dynamic")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, export_command: Command, run_folder: Path) -> tuple[Path, str]:
    """The bundle with all of them, taking any number of pictures in ONNX; what the export said meanwhile."""
    target = tmp_path_factory.mktemp("all") / "all.bundle"
    asked = [word for kind in ("int8", *OTHERS) for word in ("--quantize", kind)]
    done = export_command(run_folder, *asked, "--calibration", 31, "--batch", "dynamic", "--out", target)
    assert done.returncode == 0, done.stderr
    return target, done.stderr


@pytest.fixture(scope="module")
def bundle(said: tuple[Path, str]) -> Bundle:
    """That bundle, opened."""
    return open_bundle(said[0])


@pytest.mark.parametrize("name", ["int8", *OTHERS])
def test_every_variant_decides_as_the_network(name: str, bundle: Bundle, network: Any, photos: Path) -> None:
    """Loaded as the daemon does, self-test included, it decides nearly every test photo as Keras does."""
    kind = KINDS[name]
    test = open_dataset(photos).split("test")
    inputs = np.stack([model_input(photo.path, SIZE) for photo in test])
    expected = np.asarray(network(inputs, training=False))

    variant = bundle.variant(kind.precision, kind.format)
    classifier = open_classifier(bundle, variant, on_processor(variant), threads=1)
    answers = np.concatenate([classifier(picture[None]) for picture in inputs])

    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.98
    assert np.abs(answers - expected).max() < 0.1


def test_a_line_left_to_itself_measures_all_that_runs_here(bundle: Bundle) -> None:
    """Each variant for the processor is proven and timed; that for a card that is not there is told with its reason."""
    engine = open_engine(EngineConfig(threads=1), bundle)

    measured = [f"{on_processor(v)} {v.precision}, 1 thread: " for v in bundle.manifest.variants if v.provider == "cpu"]

    assert len(measured) == 5
    assert all(words in engine.why for words in measured)
    assert "onnxruntime-cuda fp16" in engine.why


def test_one_bundle_holds_all_of_them_each_for_its_provider(bundle: Bundle) -> None:
    """What was asked for is what is inside; fp16 is made for CUDA, all else for the CPU."""
    variants = bundle.manifest.variants

    made_for = {variant.file: variant.provider for variant in variants}

    assert made_for == {KINDS[name].file: KINDS[name].provider for name in ("int8", *OTHERS)}
    assert made_for["model-fp16.onnx"] == "cuda"


def test_fp16_computes_in_halves_but_softmax(bundle: Bundle) -> None:
    """Weights are float16; uint8 goes in, float32 comes out, and softmax is fed float32."""
    graph = onnx.load_from_string(bundle.members["model-fp16.onnx"]).graph
    weights = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4}
    maker = {name: node for node in graph.node for name in node.output}
    softmax = next(node for node in graph.node if node.op_type == "Softmax")

    before = maker[softmax.input[0]]

    assert weights == {TensorProto.FLOAT16}
    assert (before.op_type, before.attribute[0].i) == ("Cast", TensorProto.FLOAT)
    assert graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_a_dynamic_batch_takes_any_number(precision: str, bundle: Bundle) -> None:
    """Exported with --batch dynamic, ONNX models classify three pictures as they classify each."""
    classifier = open_classifier(bundle, bundle.variant(precision), "onnxruntime-cpu", threads=1)
    pictures = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)

    together = classifier(pictures)

    assert np.abs(together - np.concatenate([classifier(picture[None]) for picture in pictures])).max() < 1e-3


@pytest.mark.parametrize("precision", ["fp32", "fp16", "dynamic", "int8"])
def test_tflite_takes_one_photo_as_it_is(precision: str, bundle: Bundle) -> None:
    """uint8 in, static batch of one, probabilities of float32 out."""
    model = bundle.members[f"model-{precision}.tflite"]
    interpreter = tflite_runtime().Interpreter(model_content=model)

    ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]

    assert [(tuple(end["shape"]), end["dtype"]) for end in ends] == [
        ((1, SIZE, SIZE, 3), np.uint8),
        ((1, 3), np.float32),
    ]


def test_tflite_is_calibrated_on_the_same_photos_and_says_what_runs_it(said: tuple[Path, str], bundle: Bundle) -> None:
    """There is one list of calibration photos; the user hears that the old runtime is slow or fails."""
    report = json.loads(bundle.members["parity.json"])

    lines = [line for line in said[1].splitlines() if "tflite-runtime" in line]

    assert len(report["calibration"]["sha256"]) == 31
    assert [line.partition(":")[0] for line in lines] == ["model-int8.tflite", "model-dynamic.tflite"]
    assert all("install ai-edge-litert" in line for line in lines)


def test_a_file_that_lost_its_weights_is_refused(tmp_path: Path) -> None:
    """The converter is known to write a small file without weights and no word of it."""
    small = tmp_path / "model-fp32.tflite"
    small.write_bytes(bytes(200_000))

    with pytest.raises(Refused, match="expected about 94000000 bytes of weights, found a file of 200000") as caught:
        refuse_lost_weights(small, 94_000_000)

    assert small.name in str(caught.value)


@pytest.mark.parametrize(
    ("runtimes", "content", "line"),
    [
        (("no_such_runtime",), b"", r"found none; install sortline\[tflite\]"),
        (TFLITE, b"no model", "to run the model"),
    ],
)
def test_no_runtime_or_no_model_is_one_line(runtimes: tuple[str, ...], content: bytes, line: str) -> None:
    """What is missing or broken is said with the runtime's name or the way to get one."""
    with pytest.raises(ProviderError, match=line) as caught:
        Litert(content, runtimes=runtimes)

    assert "\n" not in str(caught.value)
