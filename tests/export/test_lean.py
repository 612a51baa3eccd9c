"""What is computed for nothing is taken out of a float graph, and no answer changes."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from export.attributes import attribute
from export.canonical import canonical
from export.lean import make_lean

WEIGHTS = "float[4,4,1,1] one, float[4,4,3,3] nine"
BLOCK = """
    a = Relu(photo)
    b = Conv<kernel_shape=[1,1], strides=[1,1]>(a, one)
    c = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(b, nine)
    d = Conv<kernel_shape=[1,1], strides=[1,1]>(c, one)
    e = Add(d, a)
    f = Relu(e)
"""
STRIDE = """
    g = Conv<kernel_shape=[1,1], strides=[2,2]>(f, one)
    h = Conv<kernel_shape=[1,1], strides=[2,2]>(f, one)
    answer = Add(g, h)
"""
ANOTHER_USER = """
    i = Conv<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(f, nine)
    g = Conv<kernel_shape=[1,1], strides=[2,2]>(f, one)
    answer = Add(g, i)
"""
PADDED = """
    a = {before}(photo)
    amounts = Constant<value = int64[8] {{0,0,1,2,0,0,1,0}}>()
    value = Constant<value = float {{{value}}}>()
    b = Pad(a, amounts{given})
    answer = MaxPool<kernel_shape=[3,3], strides=[2,2]>(b)
"""


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 15)])
def test_pixels_that_are_stepped_over_are_not_computed(height: int, width: int) -> None:
    """The 3x3 convolution of the block strides, what skips the block is picked by a pool, and the answers are equal."""
    before = _parsed(BLOCK + STRIDE, height, width)
    after = _made_lean(before)

    strides = {node.output[0]: attribute(node, "strides") for node in after.graph.node if node.op_type == "Conv"}
    pools = [node.input[0] for node in after.graph.node if node.op_type == "MaxPool"]

    assert strides == {"b": [1, 1], "c": [2, 2], "d": [1, 1], "g": [1, 1], "h": [1, 1]}
    assert pools == ["a"]
    assert np.array_equal(*_answers(before, after))


def test_pixels_that_another_operator_looks_at_are_computed() -> None:
    """A 3x3 convolution sees them all: nothing changes."""
    before = _parsed(BLOCK + ANOTHER_USER, 16, 16)

    assert _kinds(_made_lean(before)) == _kinds(before)


def test_a_pool_pads_for_itself() -> None:
    """Of what is not negative, zeros around are never the largest, as a pool's own padding isn't."""
    before = _parsed(PADDED.format(before="Relu", value=0, given=""), 16, 16)
    after = _made_lean(before)

    assert _kinds(after) == ["Relu", "MaxPool"]
    assert np.array_equal(*_answers(before, after))


@pytest.mark.parametrize(
    "words",
    [{"before": "Neg", "value": 0, "given": ""}, {"before": "Relu", "value": 9, "given": ", value"}],
    ids=["negative", "not zeros"],
)
def test_a_padding_that_may_be_the_largest_stays(words: dict[str, Any]) -> None:
    """Zeros around what is negative, or other numbers than zero."""
    before = _parsed(PADDED.format(**words), 16, 16)

    assert "Pad" in _kinds(_made_lean(before))


def _parsed(body: str, height: int, width: int) -> Any:
    """Constants as initializers, as the graphs have them that are made lean."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]>'
        f"net (float[1,4,{height},{width}] photo, {WEIGHTS}) => (float[N,C,H,W] answer) {{{body}}}"
    )
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:
        tensor = attribute(node, "value")
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)
    return model


def _made_lean(model: Any) -> Any:
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    make_lean(copy.graph)
    canonical(copy.graph)
    return copy


def _kinds(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _answers(*models: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = {end.name: [each.dim_value for each in end.type.tensor_type.shape.dim] for end in models[0].graph.input}
    given = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    sessions = [ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]) for model in models]
    return [session.run(None, given)[0] for session in sessions]
