"""What computes: Keras' backend, its device and the precision that suits it."""

import importlib
import os
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Literal

import typer

from edge.errors import Unavailable
from train.doctor import advice
from train.machine import examine
from train.settings import Precision

Device = Literal["auto", "gpu", "cpu"]

HIDE_GPUS = MappingProxyType({"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"})
"""Read by the backends when they start."""

TOOLS = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "opencv-python", "opencv-python-headless")


def require_backend(device: Device = "auto") -> None:
    """Import Keras with the backend that KERAS_BACKEND names, and see that it computes on `device`.

    "cpu" hides the GPUs. "auto" takes the CPU only where there is no GPU, and says so: a GPU that the backend cannot
    use is never left idle. Raises Unavailable when the backend is not installed or the GPU is missing.
    """
    if device == "cpu":
        os.environ.update(HIDE_GPUS)
    import_backend()
    if device == "cpu" or gpus():
        return
    found = examine(gpus)
    if device == "gpu" or found.idle_gpu:
        raise Unavailable(
            f"--device {device}: expected a GPU that {found.backend} can use, found none; {advice(found)[0]}; "
            "or choose --device cpu; `python -m train doctor` tells more"
        )
    typer.echo(f"working on the CPU: {advice(found)[0]}", err=True)


def import_backend() -> None:
    """Import Keras with the backend that KERAS_BACKEND names. Raises Unavailable when it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings are no errors
    try:
        importlib.import_module("keras")
    except ImportError as error:
        raise Unavailable(
            f"expected Keras and its backend, found {error}; install sortline[train] or set KERAS_BACKEND"
        ) from error


def policy(mixed_precision: Precision) -> str:
    """The dtype policy of the training copy: "float32", "mixed_float16" or "mixed_bfloat16".

    "auto" means bfloat16 where there is a GPU (it needs no loss scaling; every GPU since 2020 has it), else float32.
    """
    if mixed_precision == "off" or (mixed_precision == "auto" and not gpus()):
        return "float32"
    return f"mixed_{'bfloat16' if mixed_precision == 'auto' else mixed_precision}"


def gpus() -> list[str]:
    """The GPUs that the backend sees."""
    import keras

    try:
        return list(keras.distribution.list_devices("gpu"))
    except (RuntimeError, ValueError, NotImplementedError, AttributeError):  # how the backends say "none"
        return []


def tools() -> dict[str, str]:
    """Versions of what computes, with the backend and the device."""
    import keras

    versions = {name: found for name in TOOLS if (found := _version(name))}
    return {**versions, "backend": keras.config.backend(), "device": ", ".join(gpus()) or "cpu"}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
