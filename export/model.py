"""Opens a finished training run: its record at once, its network when the rest of the order is known to be good."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Probabilities
from edge.errors import RunError
from edge.preprocess import Image
from edge.runfile import MODEL_FILE, RunRecord, read_run
from export.quiet import noise_held
from export.tools import import_tools

Network = Any
"""A keras.Model; Keras is not imported until it is needed."""

HALF_PRECISION = ("float16", "bfloat16")
SOFTMAX_ERROR = 1e-3
"""Float32 rounding of a sum of a thousand classes stays far below."""


@dataclass(frozen=True)
class Run:
    """A training run whose model file is the one that its record describes."""

    model: Path
    record: RunRecord


class KerasClassifier:
    """The trained network itself: the reference that every variant is held against."""

    def __init__(self, network: Network, size: int) -> None:
        import tensorflow as tf

        signature = [tf.TensorSpec((None, size, size, 3), tf.uint8)]
        self._forward = tf.function(lambda image: network(image, training=False), signature, autograph=False)

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        return np.asarray(self._forward(inputs), np.float32)


def open_run(path: Path) -> Run:
    """Open RUN or RUN/model.keras and check that model and record belong together. Raises RunError."""
    model = path if path.name == MODEL_FILE else path / MODEL_FILE
    if not model.is_file():
        raise RunError(f"{path}: expected a training run (RUN or RUN/{MODEL_FILE}), found no {model}")
    record = read_run(model.parent)
    found = hashlib.sha256(model.read_bytes()).hexdigest()
    if found != record.model_sha256:
        raise RunError(
            f"{model}: sha256 is {found[:12]}…, run.json says {record.model_sha256[:12]}…; "
            "the model is not the one that this run trained"
        )
    return Run(model, record)


def load_network(run: Run) -> Network:
    """Load the network in float32, without running any code of the file's own.

    Raises RunError when it is no Keras model, or does not take (N, size, size, 3) uint8 and give
    softmax over the labels.
    """
    import_tools()
    with noise_held():
        network = _in_float32(_load(run.model))
        _check_input(run, network)
        _check_output(run, network)
    return network


def _load(path: Path) -> Network:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise RunError(f"{path}: expected a Keras model of standard layers, found: {reason[0]}") from error


def _in_float32(network: Network) -> Network:
    """The same network in float32: one that was saved under mixed precision also loads mixed."""
    if not any(layer.compute_dtype in HALF_PRECISION for layer in _layers(network)):
        return network
    import keras

    clone = keras.models.clone_model(network, clone_function=_float32_layer, recursive=True)
    clone.set_weights(network.get_weights())
    return clone


def _layers(network: Network) -> list[Any]:
    """All layers, those of inner models too."""
    layers = list(getattr(network, "layers", []))
    return layers + [inner for layer in layers for inner in _layers(layer)]


def _float32_layer(layer: Any) -> Any:
    return type(layer).from_config({**layer.get_config(), "dtype": "float32"})


def _check_input(run: Run, network: Network) -> None:
    size = run.record.size
    found = [(tuple(tensor.shape), tensor.dtype) for tensor in network.inputs]
    if found != [((None, size, size, 3), "uint8")]:
        raise RunError(f"{run.model}: expected one input (None, {size}, {size}, 3) uint8, found {found}")


def _check_output(run: Run, network: Network) -> None:
    labels, size = run.record.labels, run.record.size
    shapes = [tuple(tensor.shape) for tensor in network.outputs]
    if shapes != [(None, len(labels))]:
        raise RunError(f"{run.model}: expected one output for each of {list(labels)}, found shapes {shapes}")
    grey = np.full((1, size, size, 3), 128, np.uint8)
    answer = KerasClassifier(network, size)(grey)[0]
    if not (answer.min() >= 0 and abs(float(answer.sum()) - 1) <= SOFTMAX_ERROR):
        raise RunError(f"{run.model}: expected probabilities (softmax inside the model), found {answer.round(3)}")
