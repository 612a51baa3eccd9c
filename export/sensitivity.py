"""Finds the layers that int8 costs most: each is quantized alone, and what that changes is its cost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Probabilities
from edge.engine.onnx_cpu import OnnxCpu
from edge.engine.tuning import Tuning
from edge.preprocess import Image
from export.onnx_float import before_weights
from export.parity import PerPhoto
from export.progress import watched
from export.quantize import ACTIVATIONS, CARRIED, QUANTIZED, Calibration, Recipe, write_single_int8
from export.verdict import cores

PICTURES = 8
"""Of the held-out ones, for each layer: ResNet50 has 72, and each picture takes a whole float32 inference."""


@dataclass(frozen=True)
class Cost:
    """What quantizing one layer alone does to the answers."""

    layer: str
    """Name of its node in the ONNX graph."""
    mean_abs_dp: float


@dataclass(frozen=True)
class InFloat:
    """The layers that had to stay in float for the gate to be passed, dearest first, and what that costs."""

    costs: tuple[Cost, ...]
    int8_ms: float
    """p50 of one inference with one thread, all layers in int8."""
    mixed_ms: float
    """The same with these layers in float."""

    def report(self) -> dict[str, Any]:
        """As parity.json has it; times are of the host and would make equal exports differ."""
        return {"layers": [{"layer": cost.layer, "mean_abs_dp": cost.mean_abs_dp} for cost in self.costs]}


def rank_layers(
    float_onnx: Path, recipe: Recipe, calibration: Calibration, pictures: Image, folder: Path
) -> tuple[Cost, ...]:
    """Every layer that int8 may compute, dearest first, by its answers to `pictures` (N, size, size, 3) uint8."""
    pictures = pictures[:PICTURES]
    reference = _answers(float_onnx, pictures)
    single = folder / "single.onnx"
    costs = []
    for layer in watched(layers(float_onnx), "finding the layers that cost most"):
        write_single_int8(float_onnx, recipe, calibration, layer, single)
        costs.append(Cost(layer, float(np.abs(_answers(single, pictures) - reference).mean())))
    return tuple(sorted(costs, key=lambda cost: -cost.mean_abs_dp))


def layers(float_onnx: Path) -> list[str]:
    """Names of the nodes that may be quantized each for itself: those that compute, without activations."""
    import onnx

    graph = onnx.load(float_onnx).graph
    front = {node.name for node in before_weights(graph)}
    kinds = set(QUANTIZED) - set(ACTIVATIONS) - set(CARRIED)
    return [node.name for node in graph.node if node.op_type in kinds and node.name not in front]


def _answers(model: Path, pictures: Image) -> Probabilities:
    return PerPhoto(OnnxCpu(model.read_bytes(), Tuning(cores())))(pictures)
