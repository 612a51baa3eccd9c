"""Weights that lie elsewhere are found wherever an ONNX file can hold a tensor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from edge.bundle.onnx_file import refuse_external_data
from edge.errors import BundleError

Make = Callable[..., bytes]


def test_a_model_with_all_its_weights_passes(onnx_model: Make) -> None:
    """A sound model is not refused."""
    content = onnx_model(4)

    refuse_external_data(content, "model")

    assert onnx.load_from_string(content).graph.initializer


@pytest.mark.parametrize("place", ["initializer", "attribute", "subgraph", "sparse", "function", "list"])
def test_external_data_is_found_wherever_a_tensor_can_be(place: str, onnx_model: Make) -> None:
    """Weights, constants, branches of an If, sparse values, functions of the model's own."""
    model = onnx.load_from_string(onnx_model(4))
    hidden = numpy_helper.from_array(np.zeros(8, np.float32), "hidden")
    set_external_data(hidden, "/etc/passwd")
    hidden.ClearField("raw_data")

    _hide(model, hidden, place)

    with pytest.raises(BundleError, match="where: expected all weights inside of the model, found external data"):
        refuse_external_data(model.SerializeToString(), "where")


def test_a_location_without_a_file_is_refused_too(onnx_model: Make) -> None:
    """A tensor that only says "external" leaves the rest to the runtime."""
    model = onnx.load_from_string(onnx_model(4))

    model.graph.initializer[0].data_location = TensorProto.EXTERNAL

    with pytest.raises(BundleError, match="external data"):
        refuse_external_data(model.SerializeToString(), "where")


@pytest.mark.parametrize("content", [b"no model", b"\x3a\xff", b"\xff" * 12, b"\x0b", b"\x3a\x7fshort", b"\x08"])
def test_bytes_that_are_no_message_are_refused(content: bytes) -> None:
    """Broken lengths, endless numbers, unknown wire types: one clear error."""
    with pytest.raises(BundleError, match="where: expected an ONNX model, found"):
        refuse_external_data(content, "where")


def _hide(model: Any, tensor: Any, place: str) -> None:
    constant = helper.make_node("Constant", [], ["hidden"], value=tensor)
    if place == "initializer":
        model.graph.initializer.append(tensor)
    elif place == "attribute":
        model.graph.node.append(constant)
    elif place == "subgraph":
        branch = helper.make_graph([constant], "branch", [], [])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))
    elif place == "sparse":
        sparse = onnx.SparseTensorProto(values=tensor)
        model.graph.sparse_initializer.append(sparse)
    elif place == "function":
        opset = [helper.make_opsetid("", 17)]
        model.functions.append(helper.make_function("own", "f", [], ["hidden"], [constant], opset))
    else:
        node = helper.make_node("Custom", [], ["y"])
        node.attribute.append(onnx.AttributeProto(name="all", type=onnx.AttributeProto.TENSORS, tensors=[tensor]))
        model.graph.node.append(node)
