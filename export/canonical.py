"""Gives an ONNX graph an order and names that depend on the network alone: the same network, the same bytes.

tf2onnx and onnxruntime number nodes and order weights by what their threads and memory happened to do.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

COUNTER = re.compile(r"__\d+")


def canonical(graph: Any) -> None:
    """Reorder and rename in place the nodes and tensors of an onnx.GraphProto; inputs and outputs keep their names."""
    nodes = _from_output_back(graph)
    names = _names(graph, nodes)
    for node in nodes:
        node.name = names[node.output[0]]
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in (*graph.initializer, *graph.value_info):
        tensor.name = names.get(tensor.name, "")
    _replace(graph.node, nodes)
    _replace(graph.initializer, sorted(filter(_named, graph.initializer), key=_name))
    _replace(graph.value_info, sorted(filter(_named, graph.value_info), key=_name))


def _from_output_back(graph: Any) -> list[Any]:
    """The nodes that the outputs need, each after those that it needs, in the order of their inputs."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    ordered: dict[int, Any] = {}
    waiting = [maker[end.name] for end in reversed(graph.output)]
    while waiting:
        node = graph.node[waiting[-1]]
        needs = [maker[name] for name in reversed(node.input) if name in maker and maker[name] not in ordered]
        if needs:
            waiting += needs
        else:
            ordered.setdefault(waiting.pop(), node)
    return list(ordered.values())


def _names(graph: Any, nodes: list[Any]) -> Mapping[str, str]:
    """Old name -> new, in the order of use: the old one without counters, numbered where that leaves two alike."""
    kept = [end.name for end in (*graph.input, *graph.output)]
    names = {name: name for name in ("", *kept)}
    times = Counter(kept)
    for name in (name for node in nodes for name in (*node.input, *node.output)):
        if name not in names:
            plain = COUNTER.sub("", name)
            times[plain] += 1
            names[name] = plain if times[plain] == 1 else f"{plain}#{times[plain]}"
    return names


def _replace(field: Any, messages: list[Any]) -> None:
    copies = [type(message).FromString(message.SerializeToString()) for message in messages]
    del field[:]
    field.extend(copies)


def _named(message: Any) -> bool:
    return bool(message.name)


def _name(message: Any) -> str:
    return str(message.name)
