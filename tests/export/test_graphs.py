"""What the ONNX graphs are made of: the float one and the int8 one."""

from pathlib import Path
from typing import Any

import keras
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from edge.bundle.bundle import open_bundle
from edge.errors import Refused
from export.onnx_float import write_float_onnx
from export.quantize import refuse_float_weights

SIZE = 32
WEIGHTED = {"Conv", "Gemm", "MatMul"}


@pytest.fixture
def graphs(exported: Path) -> dict[str, Any]:
    """The graphs of the bundle by precision."""
    bundle = open_bundle(exported)
    files = {variant.precision: bundle.members[variant.file] for variant in bundle.manifest.variants}
    return {precision: onnx.load_from_string(content).graph for precision, content in files.items()}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_photos_go_in_as_they_are_and_probabilities_come_out(graphs: dict[str, Any], precision: str) -> None:
    """One uint8 NHWC photo in, one float32 row out, both named, no dimension left open."""
    graph = graphs[precision]

    ends = [(end.name, end.type.tensor_type.elem_type, _shape(end)) for end in (*graph.input, *graph.output)]

    assert ends == [
        ("image", TensorProto.UINT8, [1, SIZE, SIZE, 3]),
        ("probabilities", TensorProto.FLOAT, [1, 3]),
    ]


def test_the_first_int8_convolution_reads_the_photo_itself(graphs: dict[str, Any]) -> None:
    """Nothing is cast, subtracted or rounded before it, the bytes are only cut into blocks."""
    kinds = [node.op_type for node in graphs["int8"].node if node.op_type != "DequantizeLinear"]

    assert kinds[:5] == ["Reshape", "Split", "Concat", "Transpose", "Conv"]
    assert "Cast" not in kinds


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_only_transpose_is_at_the_input(graphs: dict[str, Any], precision: str) -> None:
    """NHWC becomes NCHW once, before the first convolution, and never again."""
    kinds = [node.op_type for node in graphs[precision].node]

    assert kinds.count("Transpose") == 1
    assert kinds.index("Transpose") < kinds.index("Conv")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_batch_normalisation_is_folded(graphs: dict[str, Any], precision: str) -> None:
    """Nothing of it remains beside the convolutions' own weights and biases."""
    kinds = {node.op_type for node in graphs[precision].node}

    assert not kinds & {"BatchNormalization", "Mul", "Sub", "Div"}


def test_every_weighted_layer_is_uint8_by_int8_per_channel(graphs: dict[str, Any]) -> None:
    """Activations uint8, weights int8 with one scale a channel and no offset: what x86 and ARM kernels are fast at."""
    graph = graphs["int8"]
    maker = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    weighted = [node for node in graph.node if node.op_type in WEIGHTED]

    assert len(weighted) == 3
    for node in weighted:
        activation, weight = (maker[name] for name in node.input[:2])
        assert activation.op_type == weight.op_type == "DequantizeLinear"
        assert constants[activation.input[2]].dtype == "uint8"
        values, scales, offsets = (constants[name] for name in weight.input)
        assert values.dtype == "int8"
        assert scales.size in values.shape
        assert scales.size > 1
        assert not offsets.any()


def test_softmax_stays_float(graphs: dict[str, Any]) -> None:
    """It sees unquantized logits."""
    nodes = list(graphs["int8"].node)
    kinds = [node.op_type for node in nodes]
    maker = {name: node for node in nodes for name in node.output}

    softmax = nodes[kinds.index("Softmax")]

    assert maker[softmax.input[0]].op_type in WEIGHTED


def test_a_network_that_flattens_pixels_is_refused(tmp_path: Path) -> None:
    """Flatten needs the pixels back in NHWC: a Transpose at every frame, which is refused with the way out."""
    photo = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    features = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(photo))
    model = keras.Model(photo, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(features)))

    with pytest.raises(Refused, match="pool globally instead") as caught:
        write_float_onnx(model, SIZE, tmp_path)

    assert "expected one Transpose" in str(caught.value)


def test_a_float_graph_is_not_taken_for_int8(tmp_path: Path, exported: Path) -> None:
    """Asked for int8 means got int8: a graph whose layers compute in float is refused by their names."""
    float_model = tmp_path / "model.onnx"
    float_model.write_bytes(open_bundle(exported).members["model-fp32.onnx"])

    with pytest.raises(Refused, match="expected every layer with weights in int8") as caught:
        refuse_float_weights(float_model)

    assert "dense" in str(caught.value)


def _shape(end: Any) -> list[int]:
    return [dimension.dim_value for dimension in end.type.tensor_type.shape.dim]
