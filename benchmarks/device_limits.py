"""What a device could do at most, for a network's training step, and how much of its memory was in use."""

import argparse

import keras
import numpy as np

from train import device
from train.model import BACKBONE

PASSES = 3
"""Of the forward pass's cost: backwards, each convolution has the gradients of its input and of its kernel."""


def floors(model: keras.Model, policy: str, options: argparse.Namespace, reached: float) -> dict[str, float]:
    """What a photo costs, photos a second at the stated peaks, and how far above the nearer floor a step is.

    `options`: peak_tflops, peak_gb_s, either may be None; `reached`: photos a second.
    """
    convolutions = [one for one in model.get_layer(BACKBONE).layers if isinstance(one, keras.layers.Conv2D)]
    operations = PASSES * sum(2 * np.prod(one.output.shape[1:3]) * np.prod(one.kernel.shape) for one in convolutions)
    values = PASSES * sum(np.prod(one.input.shape[1:]) + np.prod(one.output.shape[1:]) for one in convolutions)
    moved = values * (4 if policy == "float32" else 2)
    found = {"arithmetic, GFLOP a photo": float(operations / 1e9), "traffic, MB a photo": float(moved / 1e6)}
    limits = {}
    if options.peak_tflops:
        limits["floor by arithmetic, photos/s"] = float(options.peak_tflops * 1e12 / operations)
    if options.peak_gb_s:
        limits["floor by traffic, photos/s"] = float(options.peak_gb_s * 1e9 / moved)
    gap = {"floor / end to end": min(limits.values()) / reached} if limits else {}
    return {**found, **limits, **gap}


def peak_bytes() -> int | None:
    """The most of the device's memory that was in use at a time; None where the backend does not say."""
    if not device.gpus():
        return None
    if keras.config.backend() == "jax":
        import jax

        return int(jax.local_devices()[0].memory_stats()["peak_bytes_in_use"])
    if keras.config.backend() == "torch":
        import torch

        return int(torch.cuda.max_memory_allocated())
    import tensorflow as tf

    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
