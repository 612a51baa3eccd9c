"""TensorFlow on several devices of a host: the only module that imports it, because only it can say so."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def mirrored(count: int) -> Iterator[None]:
    """Inside the block all models are mirrored on the first `count` GPUs, or virtual CPUs where there is none."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    with tf.distribute.MirroredStrategy(devices[:count]).scope():
        yield
