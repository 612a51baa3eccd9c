"""The first int8 convolution sees blocks of pixels and gives the very integers that it gave before."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from export.onnx_float import INPUT
from export.photo_blocks import BLOCKS, read_in_blocks

GRAPH = """<ir_version: 8, opset_import: ["": 17]>
net (uint8[N,{height},{width},3] image) => (float[N,C,H,W] answer)
<float scale = {{1}}, uint8 middle = {{115}}, int8 zero = {{0}}> {{
    moved = Transpose<perm=[0,3,1,2]>(image)
    photo = DequantizeLinear(moved, scale, middle)
    weights = DequantizeLinear(kernel, scale, zero)
    answer = Conv<kernel_shape=[{kernel},{kernel}], strides=[{stride},{stride}], pads={pads}>(photo, weights)
}}"""


@pytest.mark.parametrize(
    ("kernel", "pads", "height", "width"),
    [
        (7, [3, 3, 3, 3], 32, 24),
        (3, [0, 0, 1, 1], 32, 32),
        (3, [1, 1, 1, 1], 32, 32),
        (5, [2, 1, 2, 3], 34, 32),
        (2, [0, 0, 0, 0], 16, 16),
    ],
)
def test_the_sums_are_the_same_integers(kernel: int, pads: list[int], height: int, width: int) -> None:
    """Whatever the kernel's size and the padding, for any number of photos."""
    model = _model(kernel, pads, height, width)
    photos = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    before = _answers(model, photos)

    _rewrite(model)

    onnx.checker.check_model(model, full_check=True)
    assert any(node.output[0] == BLOCKS for node in model.graph.node)
    assert np.array_equal(before, _answers(model, photos))


@pytest.mark.parametrize(("height", "stride"), [(33, 2), (32, 1), (32, 3)])
def test_a_convolution_that_fits_no_blocks_stays_as_it_is(height: int, stride: int) -> None:
    """An odd photo, or another stride than two pixels."""
    model = _model(7, [3, 3, 3, 3], height, 32, stride)
    before = model.SerializeToString()

    _rewrite(model)

    assert model.SerializeToString() == before


def _model(kernel: int, pads: list[int], height: int, width: int, stride: int = 2) -> Any:
    text = GRAPH.format(height=height, width=width, kernel=kernel, stride=stride, pads=pads)
    model = onnx.parser.parse_model(text)
    weights = np.random.default_rng(1).integers(-128, 128, (8, 3, kernel, kernel), np.int8)
    model.graph.initializer.append(numpy_helper.from_array(weights, "kernel"))
    return model


def _rewrite(model: Any) -> None:
    nodes = {node.op_type: node for node in model.graph.node}
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    read_in_blocks(model.graph, nodes["Transpose"], nodes["Conv"], kernel)


def _answers(model: Any, photos: Any) -> Any:
    """Float sums of integers below 2^24 are exact in any order."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {INPUT: photos})[0]
