"""Makes the golden inputs of a bundle: synthetic pictures from a seeded generator, never anybody's photo."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.classifier import Probabilities
from edge.engine.litert import tflite_runtime
from edge.preprocess import Image
from export.variants import Kind

COUNT = 24
"""More than the 16 that a bundle must have; eight of each kind."""

ROOM = 4.0
"""How many times the difference between two ways of computing here another processor may show."""
LEAST_TOLERANCE = {"fp32": 1e-3, "fp16": 0.01, "dynamic": 0.02, "int8": 0.02}
MOST_TOLERANCE = 0.1
"""A self-test that forgives more would prove nothing."""

Plane = NDArray[np.float64]
"""(size, size, 3), from 0 to 1."""


def golden_inputs(size: int, seed: int) -> Image:
    """(COUNT, size, size, 3) uint8 RGB: gradients, blobs and textures in turn; one seed, one set of pictures."""
    rng = np.random.default_rng(seed)
    kinds: tuple[Callable[[int, np.random.Generator], Plane], ...] = (_gradient, _blobs, _texture)
    pictures = [kinds[index % len(kinds)](size, rng) for index in range(COUNT)]
    return np.stack([np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8) for picture in pictures])


def tolerance(model: Path, kind: Kind, inputs: Image, expected: Probabilities) -> float:
    """The difference from `expected` that the self-test on another machine has to forgive.

    An optimised int8 graph computes on integers, the same graph unoptimised in float between each quantize and
    dequantize: as far apart as two correct processors get (0.004 to 0.008 for ResNet50). A processor whose int8
    products saturate lies beyond.
    """
    plain = _PLAIN[kind.format](model, inputs)
    spread = float(np.abs(plain - expected).max())
    return min(max(LEAST_TOLERANCE[kind.precision], ROOM * spread), MOST_TOLERANCE)


def _unoptimised_onnx(model: Path, inputs: Image) -> Probabilities:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    answers = [session.run(None, {session.get_inputs()[0].name: image[None]})[0] for image in inputs]
    return np.concatenate(answers)


def _undelegated_tflite(model: Path, inputs: Image) -> Probabilities:
    """By TFLite's own kernels instead of XNNPACK's."""
    runtime = tflite_runtime()
    resolver = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    plain = runtime.Interpreter(str(model), experimental_op_resolver_type=resolver, num_threads=1)
    plain.allocate_tensors()
    answers = []
    for image in inputs:
        plain.set_tensor(plain.get_input_details()[0]["index"], image[None])
        plain.invoke()
        answers.append(plain.get_tensor(plain.get_output_details()[0]["index"]))
    return np.concatenate(answers)


_PLAIN: Mapping[str, Callable[[Path, Image], Probabilities]] = {
    "onnx": _unoptimised_onnx,
    "tflite": _undelegated_tflite,
}


def _gradient(size: int, rng: np.random.Generator) -> Plane:
    """A smooth ramp from one colour to another in any direction."""
    angle = rng.uniform(0, 2 * np.pi)
    along = _grid(size) @ np.array([np.cos(angle), np.sin(angle)])
    share = (along - along.min()) / (along.max() - along.min())
    start, end = rng.uniform(0, 1, (2, 3))
    return np.asarray(start + share[..., None] * (end - start))


def _blobs(size: int, rng: np.random.Generator) -> Plane:
    """Soft coloured ellipses on a plain ground, as items lie on a belt."""
    picture = np.ones((size, size, 3)) * rng.uniform(0, 1, 3)
    for _ in range(rng.integers(1, 6)):
        offset = (_grid(size) - rng.uniform(0.2, 0.8, 2)) / rng.uniform(0.05, 0.35, 2)
        cover = 1 / (1 + np.exp(12 * ((offset**2).sum(axis=-1) - 1).clip(-20, 20)))
        picture += cover[..., None] * (rng.uniform(0, 1, 3) - picture)
    return picture


def _texture(size: int, rng: np.random.Generator) -> Plane:
    """Coloured noise of several grain sizes, one on top of the other."""
    picture = np.full((size, size, 3), 0.5)
    for cells in (4, 12, 36):
        grain = rng.uniform(-1, 1, (cells, cells, 3))
        picture += 0.25 * cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)
    return picture


def _grid(size: int) -> Plane:
    """(size, size, 2): y and x of each pixel, from 0 to 1."""
    ticks = np.linspace(0, 1, size)
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
