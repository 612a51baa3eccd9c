"""Turns the Keras network into TFLite files: float32, float16, dynamic-range and full int8."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.engine.litert import TFLITE, Litert
from edge.errors import ProviderError, Refused, SortlineError
from edge.photos.dataset import Photo
from edge.preprocess import model_input
from export.golden import MOST_TOLERANCE, golden_inputs
from export.model import Network
from export.parity import PerPhoto
from export.progress import say, watched
from export.quiet import noise_held

BYTES_PER_WEIGHT = {"fp32": 4, "fp16": 2, "dynamic": 1, "int8": 1}
OLD_CHECKS = 6
"""Pictures that tflite-runtime has to answer: two of each kind, a quarter of a second each."""
LEAST_SHARE = 0.9
"""Of the weights' own bytes: a converter that loses them writes a small file without a word."""


def write_tflite(network: Network, size: int, precision: str, photos: Sequence[Photo], target: Path) -> None:
    """Write `target`, which takes (1, size, size, 3) uint8; `photos` set the ranges of int8.

    Raises DatasetError for a broken photo, SortlineError for a network that TensorFlow does not convert, or Refused.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(_of_one(network, size))
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: _inputs(photos, size)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
    target.write_bytes(_converted(converter))
    refuse_lost_weights(target, network.count_params() * BYTES_PER_WEIGHT[precision])


def check_old_runtime(model: Path, size: int) -> None:
    """Hold tflite-runtime, where it is installed, against LiteRT on synthetic pictures; says when it does not load.

    Raises Refused when it answers otherwise.
    """
    if not all(map(importlib.util.find_spec, ("ai_edge_litert", "tflite_runtime"))):
        return
    content, inputs = model.read_bytes(), golden_inputs(size, 0)[:OLD_CHECKS]
    try:
        old = PerPhoto(Litert(content, runtimes=TFLITE[1:]))(inputs)
    except ProviderError as error:
        say(f"{model.name}: not for tflite-runtime: {error}")
        return
    worst = float(np.abs(old - PerPhoto(Litert(content))(inputs)).max())
    if not worst <= MOST_TOLERANCE:
        raise Refused(f"{model.name}: expected tflite-runtime to answer as LiteRT, found {worst:.3f} between them")


def refuse_lost_weights(path: Path, weight_bytes: int) -> None:
    """Raises Refused when the file is smaller than the weights that it should hold."""
    if (found := path.stat().st_size) < LEAST_SHARE * weight_bytes:
        raise Refused(f"{path.name}: expected about {weight_bytes} bytes of weights, found a file of {found}")


def _of_one(network: Network, size: int) -> Network:
    """The same network with a static batch of one: TFLite plans its memory by it."""
    import keras

    photo = keras.Input(batch_shape=(1, size, size, 3), dtype="uint8", name="image")
    return keras.Model(photo, network(photo, training=False))


def _inputs(photos: Sequence[Photo], size: int) -> Iterator[list[Any]]:
    for photo in watched(photos, "calibrating TFLite"):
        yield [model_input(photo.path, size)[None]]


def _converted(converter: Any) -> bytes:
    with noise_held():
        try:
            content: bytes = converter.convert()
        except SortlineError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise SortlineError(f"expected a network that TFLite takes, its converter says: {reason[0]}") from error
    return content
