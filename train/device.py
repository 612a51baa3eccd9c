"""What computes: Keras' backend, its device and the precision that suits it."""

import importlib
import os
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Literal

import typer

from edge.errors import Unavailable
from train.doctor import advice
from train.machine import examine, oldest_capability
from train.settings import Precision

Device = Literal["auto", "gpu", "cpu"]

HIDE_GPUS = MappingProxyType({"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"})
"""Read by the backends when they start."""

DETERMINISTIC = MappingProxyType(
    {"TF_DETERMINISTIC_OPS": "1", "XLA_FLAGS": "--xla_gpu_deterministic_ops=true", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
)
"""Likewise; of TensorFlow, of JAX, of torch."""

BFLOAT16_CAPABILITY = 8.0
"""CUDA compute capability of Ampere, the first with bfloat16."""

TOOLS = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "opencv-python", "opencv-python-headless")


def require_backend(device: Device = "auto", *, deterministic: bool = False) -> None:
    """Import Keras with the backend that KERAS_BACKEND names, and see that it computes on `device`.

    "cpu" hides the GPUs. "auto" takes the CPU only where there is no GPU, and says so: a GPU that the backend cannot
    use is never left idle. `deterministic` asks for kernels that give the same bits each time, where there is a choice.
    Raises Unavailable when the backend is not installed or the GPU is missing.
    """
    if device == "cpu":
        os.environ.update(HIDE_GPUS)
    if deterministic:
        flags = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC['XLA_FLAGS']}".strip()
        os.environ.update({**DETERMINISTIC, "XLA_FLAGS": flags})
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

    "auto" means float32 without a GPU, bfloat16 on one that has it, which spares the scaling of the loss, else float16.
    """
    if mixed_precision == "off" or (mixed_precision == "auto" and not gpus()):
        return "float32"
    if mixed_precision == "auto":
        return "mixed_float16" if oldest_capability() < BFLOAT16_CAPABILITY else "mixed_bfloat16"
    return f"mixed_{mixed_precision}"


def gpus() -> list[str]:
    """The GPUs that the backend sees."""
    return _devices("gpu")


def cpus() -> list[str]:
    """The CPUs that the backend sees: one, unless somebody makes it pretend to have more."""
    return _devices("cpu")


def _devices(kind: Literal["gpu", "cpu"]) -> list[str]:
    import keras

    try:
        return list(keras.distribution.list_devices(kind))
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
