"""Quantizes the float32 ONNX file: static QDQ, uint8 activations, int8 weights per channel, ranges from photos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from edge.errors import Refused
from edge.photos.dataset import Photo
from edge.preprocess import model_input
from export.direct_input import feed_bytes
from export.nncf_int8 import installed, write_nncf_onnx
from export.onnx_float import INPUT, WEIGHTED, before_weights
from export.progress import watched
from export.quiet import prints_held

QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "Concat", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool")
CARRIED = ("Pad", "Squeeze", "Reshape")
"""Operators that only move values: they run on integers between quantized neighbours."""
MOVING = (*CARRIED, "MaxPool")
"""What may stand between a dequantized value and its use: onnxruntime takes the integers through."""
ACTIVATIONS = ("Relu", "Clip")
"""Part of the operator before them: the lower end of its uint8 output cuts off what is negative."""
PERCENTILE = 99.99
"""Of the activations of each tensor; the rest saturates. Measured against moving average and 99.999 %."""
PHOTOS_AT_ONCE = 8
"""The histograms take every activation of so many photos into memory: 0.1 GB each for ResNet50."""

Method = Literal["percentile", "minmax", "entropy", "nncf"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Recipe:
    """How to quantize."""

    method: Method
    """What of the activations that the photos show becomes the range of a tensor."""
    reduce_range: bool = False
    """7-bit weights: x86 without VNNI adds two products of uint8 and int8 in 16 bits, where 8-bit ones overflow."""
    in_float: tuple[str, ...] = ()
    """Names of nodes that are left in float, their activations with them."""


def method_words(recipe: Recipe) -> str:
    """The method as people and parity.json read it."""
    return f"percentile {PERCENTILE}" if recipe.method == "percentile" else recipe.method


class Calibration:
    """Photos, and the ranges that each method found in them: found once, kept in a folder."""

    def __init__(self, photos: Sequence[Photo], size: int, folder: Path) -> None:
        self.photos, self.size, self._folder = photos, size, folder

    def ranges(self, method: Method) -> Path:
        """Where the ranges of `method` are kept."""
        return self._folder / f"ranges-{method}.json"

    def reader(self, method: Method) -> "_PhotoReader | None":
        """What gives onnxruntime the photos; None when the ranges are known."""
        return None if self.ranges(method).exists() else _PhotoReader(self.photos, self.size, f"calibrating {method}")


def available_methods() -> tuple[Method, ...]:
    """Those that can be used here: NNCF is not always installed."""
    return tuple(method for method in METHODS if method != "nncf" or installed())


def write_int8_onnx(float_onnx: Path, recipe: Recipe, calibration: Calibration, target: Path) -> None:
    """Quantize `float_onnx`. Raises DatasetError for a broken photo, or Refused when a layer stayed in float unasked.

    Softmax stays float, and so do the logits: 256 steps for them cost more than all weights.
    """
    import onnx

    left = with_activations(float_onnx, recipe.in_float)
    if recipe.method == "nncf":
        write_nncf_onnx(float_onnx, calibration.photos, calibration.size, left, target)
    else:
        front = [node.name for node in before_weights(onnx.load(float_onnx).graph)]
        _quantize(float_onnx, recipe, calibration, target, exclude=[*front, *left])
    feed_bytes(target)
    refuse_float_weights(target, allowed=recipe.in_float)


def write_single_int8(float_onnx: Path, recipe: Recipe, calibration: Calibration, node: str, target: Path) -> None:
    """Quantize one node of `float_onnx`, all else stays float. What NNCF does not do for one node, min and max do."""
    if recipe.method == "nncf":
        recipe = replace(recipe, method="minmax")
    _quantize(float_onnx, recipe, calibration, target, only=with_activations(float_onnx, [node]))


def with_activations(float_onnx: Path, names: Sequence[str]) -> list[str]:
    """`names`, each with the activation that directly follows it."""
    import onnx

    graph = onnx.load(float_onnx, load_external_data=False).graph
    made = {name for node in graph.node if node.name in names for name in node.output}
    return [*names, *(node.name for node in graph.node if node.op_type in ACTIVATIONS and made & set(node.input))]


def refuse_float_weights(path: Path, allowed: Sequence[str] = ()) -> None:
    """Raises Refused when a weighted operator still computes in float: asked for int8 means got int8."""
    import onnx

    graph = onnx.load(path).graph
    dequantized: set[str] = set()
    for node in graph.node:
        if node.op_type == "DequantizeLinear" or (node.op_type in MOVING and node.input[0] in dequantized):
            dequantized |= set(node.output)
    weighted = [node for node in graph.node if node.op_type in WEIGHTED]
    left = [node.name for node in weighted if not set(node.input[:2]) <= dequantized and node.name not in allowed]
    if left or not dequantized:
        raise Refused(f"expected every layer with weights in int8, found {left or 'no such layer'} in float")


def _quantize(
    float_onnx: Path,
    recipe: Recipe,
    calibration: Calibration,
    target: Path,
    exclude: Sequence[str] = (),
    only: Sequence[str] = (),
) -> None:
    from onnxruntime import quantization as ort

    with prints_held():
        ort.quantize_static(
            str(float_onnx),
            str(target),
            calibration.reader(recipe.method),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=[*QUANTIZED, *CARRIED],
            nodes_to_quantize=list(only),
            nodes_to_exclude=list(exclude),
            per_channel=True,
            reduce_range=recipe.reduce_range,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=getattr(ort.CalibrationMethod, _ORT_NAMES[recipe.method]),
            calibration_cache_path=str(calibration.ranges(recipe.method)),
            extra_options={
                "CalibPercentile": PERCENTILE,
                "CalibStridedMinMax": _stride(len(calibration.photos)),
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )


_ORT_NAMES = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


def _stride(count: int) -> int:
    """The largest step up to PHOTOS_AT_ONCE that divides `count`, as onnxruntime demands."""
    return max(step for step in range(1, PHOTOS_AT_ONCE + 1) if count % step == 0)


class _PhotoReader:
    """Gives onnxruntime one photo at a time, decoded when it is asked for."""

    def __init__(self, photos: Sequence[Photo], size: int, what: str) -> None:
        self._photos = photos
        self._size = size
        self._left: Iterator[Photo] = watched(photos, what)
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
