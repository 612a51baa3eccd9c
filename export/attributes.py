"""Reads and sets attributes of ONNX nodes, which are a list of named values."""

from typing import Any

ONE, TWO = [1, 1], [2, 2]
"""Strides and kernel sizes as ONNX keeps them: down, across."""


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Its value, or `default` where `node` has none of that name."""
    from onnx import helper

    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def set_attribute(node: Any, name: str, value: list[int]) -> None:
    """In place of a value that is there already."""
    from onnx import helper

    for old in [each for each in node.attribute if each.name == name]:
        node.attribute.remove(old)
    node.attribute.append(helper.make_attribute(name, value))
