"""Between the steps of Keras' `fit`: where an epoch begins, what happens at each boundary, what all variables hold."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from train.batches import PhotoBatches
from train.checkpoint import Arrays


class Rest(keras.utils.PyDataset):
    """What is left of an epoch from its step `first` on."""

    def __init__(self, feed: PhotoBatches, first: int) -> None:
        super().__init__()
        self._feed, self._first = feed, first

    def __len__(self) -> int:
        """Batches that are left."""
        return len(self._feed) - self._first

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """The next ones of the feed."""
        return self._feed[self._first + index]


class Boundaries(keras.callbacks.Callback):
    """Calls with the number of steps done, before each; at a step's end Keras would wait for its loss."""

    def __init__(self, call: Callable[[int], None]) -> None:
        super().__init__()
        self._call = call

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras' name for it."""
        del logs
        self._call(batch)


def means_so_far(network: keras.Model) -> dict[str, float]:
    """Loss and metrics over the steps of the `fit` that runs; the variables of `network` are up to date then."""
    if hasattr(network, "jax_state_sync"):  # during `fit`, JAX holds all values outside of the variables
        network.jax_state_sync()
    return {name: float(value) for name, value in network.get_metrics_result().items()}


def values_of(variables: Sequence[Any]) -> Arrays:
    """Copies on the host."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[Any], arrays: Arrays) -> None:
    """The reverse of `values_of`."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
