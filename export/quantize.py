"""Quantizes the float32 ONNX file: static QDQ, uint8 activations, int8 weights per channel, ranges from photos."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.dataset import Photo
from edge.errors import Refused
from edge.preprocess import model_input
from export.onnx_float import INPUT, WEIGHTED, before_weights
from export.progress import watched
from export.quiet import prints_held

QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "Concat", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool")
CARRIED = ("Pad", "Squeeze", "Reshape")
"""Operators that only move values: they run on integers between quantized neighbours."""
PERCENTILE = 99.99
"""Of the activations of each tensor; the rest saturates. Measured against MinMax, moving average and 99.999 %."""
PHOTOS_AT_ONCE = 8
"""The histograms take every activation of so many photos into memory: 0.1 GB each for ResNet50."""


def write_int8_onnx(float_onnx: Path, photos: Sequence[Photo], size: int, target: Path) -> None:
    """Quantize `float_onnx` by the ranges that `photos` show. Raises DatasetError for a broken photo, or Refused.

    Cast, mean subtraction and softmax stay float, and so do the logits: 256 steps for them cost more than all weights.
    """
    import onnx
    from onnxruntime import quantization as ort

    front = [node.name for node in before_weights(onnx.load(float_onnx).graph)]
    with prints_held():
        ort.quantize_static(
            str(float_onnx),
            str(target),
            _PhotoReader(photos, size),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=[*QUANTIZED, *CARRIED],
            nodes_to_exclude=front,
            per_channel=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=ort.CalibrationMethod.Percentile,
            extra_options={
                "CalibPercentile": PERCENTILE,
                "CalibStridedMinMax": _stride(len(photos)),
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )
    refuse_float_weights(target)


def refuse_float_weights(path: Path) -> None:
    """Raises Refused when a weighted operator still computes in float: asked for int8 means got int8."""
    import onnx

    graph = onnx.load(path).graph
    dequantized = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    weighted = [node for node in graph.node if node.op_type in WEIGHTED]
    left = [node.name for node in weighted if not set(node.input[:2]) <= dequantized]
    if left or not weighted:
        raise Refused(f"expected every layer with weights in int8, found {left or 'no such layer'} in float")


def _stride(count: int) -> int:
    """The largest step up to PHOTOS_AT_ONCE that divides `count`, as onnxruntime demands."""
    return max(step for step in range(1, PHOTOS_AT_ONCE + 1) if count % step == 0)


class _PhotoReader:
    """Gives onnxruntime one photo at a time, decoded when it is asked for."""

    def __init__(self, photos: Sequence[Photo], size: int) -> None:
        self._photos = photos
        self._size = size
        self._left: Iterator[Photo] = watched(photos, "calibrating")
        self._count = len(photos)

    def __len__(self) -> int:
        return len(self._photos)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Give the photos from `start_index` up to `end_index` next; onnxruntime asks for them in order."""
        self._count = end_index - start_index

    def get_next(self) -> dict[str, Any] | None:
        """The next input (1, size, size, 3) uint8 by its name, None at the end of the range."""
        if self._count == 0:
            return None
        self._count -= 1
        return {INPUT: model_input(next(self._left).path, self._size)[None]}
