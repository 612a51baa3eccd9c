"""Train a head for an epoch where the backend has two virtual CPUs: `python on_two_devices.py DATASET WEIGHTS CACHE`.

Prints one JSON object. Which devices there are is settled when a backend starts, so this is a process of its own.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.update({"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"})
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    else:
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

from train.distribution import spread
from train.keeping import Keeper
from train.learning import initial_network, learn
from train.material import gather_material
from train.selection import select
from train.settings import Settings


def trained_head(dataset: Path, weights: Path, cache: Path) -> dict[str, Any]:
    """Loss of the epoch, and the bias that the head has after it."""
    settings = Settings(
        weights=str(weights), size=32, batch=16, epochs=1, head_epochs=0, freeze="conv5", average=1.0, lr=1e-3, ema=0.0
    )
    material = gather_material(select(dataset, [], (), cache=cache), settings, cache)
    with spread(settings):
        learned = learn(initial_network(3, settings), material.training_set, settings, Keeper())
    return {"loss": learned.history[-1]["loss"], "bias": learned.model.get_layer("logits").get_weights()[1].tolist()}


if __name__ == "__main__":
    print(json.dumps(trained_head(*map(Path, sys.argv[1:]))))
