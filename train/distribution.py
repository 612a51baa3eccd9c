"""All GPUs of a host with the same command: each computes its share of every batch, and they agree on the gradients.

JAX does it through Keras' distribution API. TensorFlow does it through its MirroredStrategy, which only TensorFlow has
(`train.mirrored`). Under torch Keras 3.15 trains on one GPU, and this says so.

Several hosts, TensorFlow: its MultiWorkerMirroredStrategy takes the place of MirroredStrategy in `train.mirrored`, and
each host runs the same command with its own TF_CONFIG, such as {"cluster": {"worker": ["a:2222", "b:2222"]}, "task":
{"type": "worker", "index": 0}}, and with its own --out, of which that of index 0 counts.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
import typer

from train import device
from train.settings import AUTO_BATCHES, Settings


@contextmanager
def spread(settings: Settings) -> Iterator[None]:
    """Inside the block, models that are built and trained use all devices that the backend lists.

    Fewer where a batch does not divide evenly, and under torch one; it says so.
    """
    listed = device.gpus() or device.cpus()
    used = listed[: how_many(len(listed), settings)]
    if len(listed) > 1:
        typer.echo(f"on {len(used)} of {len(listed)} devices: {', '.join(used)}{_why_fewer(len(used), len(listed))}")
    with _together(used) if len(used) > 1 else nullcontext():
        yield


def how_many(listed: int, settings: Settings) -> int:
    """A power of two: such a share of every batch of the run, also of those that only judge."""
    if keras.config.backend() == "torch":
        return 1
    smallest = AUTO_BATCHES[-1] if settings.batch == "auto" else settings.batch
    return next(count for count in (8, 4, 2, 1) if count <= max(1, listed) and smallest % count == 0)


def _why_fewer(used: int, listed: int) -> str:
    if used == listed:
        return ""
    if keras.config.backend() == "torch":
        return "; Keras has no more under torch, KERAS_BACKEND=jax uses all"
    return "; a batch is divided evenly over 1, 2, 4 or 8, so choose a --batch that they divide"


def _together(devices: Sequence[str]) -> AbstractContextManager[None]:
    if keras.config.backend() == "jax":
        return _data_parallel(devices)
    from train.mirrored import mirrored

    return mirrored(len(devices))


@contextmanager
def _data_parallel(devices: Sequence[str]) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=list(devices)))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
