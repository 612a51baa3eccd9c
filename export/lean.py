"""Takes out of a float ONNX graph what is computed for nothing; every answer stays as it was.

ResNet50, as Keras has it, strides in 1x1 convolutions, which look at every second pixel of a block that computed all.
Strides move towards the input, into that block: 3.48 G multiply-adds are left of 3.86. And a padding before a pool
takes all pixels through memory once more, in an int8 graph through float.
"""

from collections import defaultdict
from typing import Any

from export.attributes import ONE, TWO, attribute, set_attribute


def make_lean(graph: Any) -> None:
    """Rewrite an onnx.GraphProto with explicit paddings; it is unsorted afterwards, and the shapes in it are others."""
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        _pad_in_pool(graph, pad)
    while stepped_over := (wires := _Wires(graph)).stepped_over():
        users = wires.users[stepped_over[0]]
        reached = wires.every_second(stepped_over[0], users)
        for convolution in users:
            convolution.input[0] = reached
            set_attribute(convolution, "strides", ONE)


class _Wires:
    """Which node makes each tensor of a graph, and which use it."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.maker = {name: node for node in graph.node for name in node.output}
        self.users = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.users[name].append(node)

    def stepped_over(self) -> list[str]:
        """Tensors of which every user leaves out every second pixel."""
        return [name for name in self.maker if self.users[name] and all(map(_steps_over, self.users[name]))]

    def every_second(self, name: str, users: list[Any]) -> str:
        """Have every second pixel of the tensor `name` computed for these users. Under which name it is then.

        Elementwise operators and 1x1 convolutions get them from their inputs, another convolution gets a stride.
        """
        node = self.maker[name]
        pictures = [index for index, source in enumerate(node.input) if source in self.maker]
        if self.users[name] == users and len(pictures) == _PASSED_ON.get(_kind(node)):
            for index in pictures:
                node.input[index] = self.every_second(node.input[index], [node])
        elif self.users[name] == users and _kind(node) == "Conv" and attribute(node, "strides", ONE) == ONE:
            set_attribute(node, "strides", TWO)
        else:
            return self._picked(name)
        return name

    def _picked(self, name: str) -> str:
        """By a pool of one pixel, which all runtimes have, for integers too."""
        from onnx import helper

        picked = f"{name}_every_second"
        self._graph.node.append(helper.make_node("MaxPool", [name], [picked], kernel_shape=ONE, strides=TWO))
        return picked


_PASSED_ON = {"Relu": 1, "Add": 2, "pointwise Conv": 1}
"""Operators whose pixel comes from the same pixel of their inputs, and of how many."""


def _kind(node: Any) -> str:
    """Its operator; a convolution that sees one pixel at a time is a kind of its own."""
    return "pointwise Conv" if _is_pointwise(node, ONE) else str(node.op_type)


def _steps_over(node: Any) -> bool:
    return _is_pointwise(node, TWO)


def _is_pointwise(node: Any, strides: list[int]) -> bool:
    shape = (attribute(node, "kernel_shape"), attribute(node, "strides", ONE))
    return node.op_type == "Conv" and shape == (ONE, strides) and not any(attribute(node, "pads", ()))


def _pad_in_pool(graph: Any, pad: Any) -> None:
    """Zeros around what is not negative, then maxima: a pool's own padding, which is no maximum ever, does the same."""
    wires = _Wires(graph)
    before, after = wires.maker.get(pad.input[0]), wires.users[pad.output[0]]
    if before is None or before.op_type != "Relu" or [node.op_type for node in after] != ["MaxPool"]:
        return
    pool, around = after[0], _zeros_around(graph, pad)
    if around and not any(attribute(pool, "pads", ())):
        set_attribute(pool, "pads", around)
        pool.input[0] = pad.input[0]
        graph.node.remove(pad)


def _zeros_around(graph: Any, pad: Any) -> list[int]:
    """[top, left, bottom, right] of NCHW pictures; empty when `pad` does anything else."""
    from onnx import numpy_helper

    amounts = [numpy_helper.to_array(tensor).tolist() for tensor in graph.initializer if tensor.name == pad.input[1]]
    if len(pad.input) > 2 or attribute(pad, "mode", b"constant") != b"constant" or not amounts:
        return []
    batch, channel, top, left, batch_end, channel_end, bottom, right = amounts[0]
    return [] if any((batch, channel, batch_end, channel_end)) else [top, left, bottom, right]
