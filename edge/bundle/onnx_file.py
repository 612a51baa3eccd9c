"""Looks through an ONNX file for weights that lie elsewhere, before any runtime sees it and without the onnx package.

A tensor of an ONNX model may name a file and an offset instead of holding its values. onnxruntime would read that file,
of a model handed over in memory below the working directory: bytes that no hash and no signature covers.
"""

from collections.abc import Iterator
from types import MappingProxyType

from edge.errors import BundleError

TENSOR = "tensor"
INSIDE = MappingProxyType(
    {
        "model": {7: "graph", 20: "training", 25: "function"},
        "training": {1: "graph", 2: "graph"},
        "function": {7: "node", 11: "attribute"},
        "graph": {1: "node", 5: TENSOR, 15: "sparse"},
        "node": {5: "attribute"},
        "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
        "sparse": {1: TENSOR, 2: TENSOR},
        TENSOR: {},
    }
)
"""Field numbers of the messages that can hold tensors: onnx.proto3, https://github.com/onnx/onnx/blob/main/onnx."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor."""
VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types: https://protobuf.dev/programming-guides/encoding."""
MAX_VARINT_BYTES = 10


def refuse_external_data(content: bytes, where: str) -> None:
    """Raises BundleError when a tensor's values lie outside of `content`, or when it is no protobuf message."""
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message, where):
            if kind == TENSOR and number in {EXTERNAL_DATA, DATA_LOCATION} and value != 0:
                raise BundleError(f"{where}: expected all weights inside of the model, found external data")
            if number in INSIDE[kind] and isinstance(value, memoryview):
                waiting.append((INSIDE[kind][number], value))


def _fields(message: memoryview, where: str) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: an integer, or the bytes of whatever has a length."""
    at = 0
    try:
        while at < len(message):
            tag, at = _varint(message, at)
            value, at = _value(message, at, tag & 7)
            yield tag >> 3, value
    except (IndexError, ValueError) as error:
        raise BundleError(f"{where}: expected an ONNX model, found {error}; export it again") from error


def _value(message: memoryview, at: int, wire: int) -> tuple[int | memoryview, int]:
    if wire == VARINT:
        return _varint(message, at)
    if wire == LENGTH_DELIMITED:
        length, at = _varint(message, at)
    elif wire in {EIGHT_BYTES, FOUR_BYTES}:
        length = 8 if wire == EIGHT_BYTES else 4
    else:
        raise ValueError(f"wire type {wire}")
    if length > len(message) - at:
        raise ValueError("a field beyond its end")
    return message[at : at + length], at + length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(MAX_VARINT_BYTES):
        byte = message[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("a number without end")
