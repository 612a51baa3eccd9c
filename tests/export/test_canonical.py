"""The order and the names of a graph."""

from typing import Any

import numpy as np
import onnx.reference
from onnx import TensorProto, helper, numpy_helper

from export.canonical import canonical


def test_counters_and_order_leave_no_trace() -> None:
    """Two graphs of one network that differ by counters and by order of nodes and weights become the same bytes."""
    graphs = [_graph(counter=7, turned=False), _graph(counter=12, turned=True)]
    assert graphs[0] != graphs[1]

    for graph in graphs:
        canonical(graph)

    assert graphs[0].SerializeToString(deterministic=True) == graphs[1].SerializeToString(deterministic=True)


def test_the_graph_computes_the_same() -> None:
    """Renaming changes no answer, and input and output keep their names."""
    graph = _graph(counter=7, turned=True)
    photo = {"image": np.array([1.0, 2.0], np.float32)}
    before = _run(_graph(counter=7, turned=False), photo)

    canonical(graph)

    assert np.array_equal(_run(graph, photo), before)
    assert [end.name for end in (*graph.input, *graph.output)] == ["image", "probabilities"]


def test_names_that_differ_by_their_counter_alone_stay_apart() -> None:
    """Two weights whose names end alike are numbered in the order of their use."""
    graph = _graph(counter=7, turned=True)

    canonical(graph)

    assert [tensor.name for tensor in graph.initializer] == ["weight", "weight#2"]
    assert numpy_helper.to_array(graph.initializer[0])[0] == 1


def _graph(counter: int, *, turned: bool) -> Any:
    """The sum of two branches of the input: image + 1 and image * 3."""
    weights = [numpy_helper.from_array(np.full(2, value, np.float32), f"weight__{counter + value}") for value in (1, 3)]
    branches = [
        helper.make_node("Add", ["image", f"weight__{counter + 1}"], [f"left__{counter}"]),
        helper.make_node("Mul", ["image", f"weight__{counter + 3}"], [f"right__{counter}"]),
    ]
    joined = helper.make_node("Add", [f"left__{counter}", f"right__{counter}"], ["probabilities"])
    image, answer = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("image", "probabilities"))
    nodes = [*(reversed(branches) if turned else branches), joined]
    return helper.make_graph(nodes, "g", [image], [answer], weights[::-1] if turned else weights)


def _run(graph: Any, inputs: dict[str, Any]) -> Any:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return onnx.reference.ReferenceEvaluator(model).run(None, inputs)[0]
