"""GPU first-aid: the exact fix for what commonly keeps a backend from its GPU."""

from train.machine import Examination, Gpu
from train.settings import AUTO_BATCHES

ENOUGH_MIB = 6000
"""--batch 32 in mixed precision is meant to fit in the 6144 MiB of an RTX 3060 Laptop."""
FREE_SHARE = 0.75
"""With less of its memory free, somebody else is on the GPU."""


def advice(found: Examination) -> list[str]:
    """What to do, the likeliest first; empty when all is well."""
    return _memory_advice(found) if found.backend_gpus else [_first_aid(found)]


def _first_aid(found: Examination) -> str:
    """The one thing that keeps the backend from a GPU."""
    if found.system == "Windows" and found.backend == "tensorflow":
        return (
            "TensorFlow on native Windows has no GPU since 2.11: run `wsl --install` in an administrator's PowerShell, "
            "then install sortline and tensorflow[and-cuda] inside WSL2"
        )
    if found.hidden:
        return f"CUDA_VISIBLE_DEVICES={found.visible!r} hides every GPU: unset CUDA_VISIBLE_DEVICES"
    if found.gpus:
        return _library_advice(found)
    return _driver_advice(found)


def _library_advice(found: Examination) -> str:
    if found.backend == "tensorflow" and found.build == "cpu":
        return (
            "this TensorFlow was built without CUDA: pip uninstall --yes tensorflow tensorflow-cpu && "
            f"pip install 'tensorflow[and-cuda]=={found.backend_version}'"
        )
    fix = {
        "tensorflow": f"pip install 'tensorflow[and-cuda]=={found.backend_version}'",
        "jax": "pip install --upgrade 'jax[cuda12]'",
        "torch": "pip install --force-reinstall torch (its default build for Linux has CUDA)",
    }.get(found.backend, "install its build for CUDA")
    return f"the driver lists {found.gpus[0].name}, {found.backend} lacks the CUDA libraries for it: {fix}"


def _driver_advice(found: Examination) -> str:
    if found.system == "WSL2":
        return "no driver: install NVIDIA's driver in Windows (never inside WSL2), then run `wsl --shutdown` there"
    if found.container:
        return "this container was given no GPU: start it with --gpus all (needs the NVIDIA Container Toolkit)"
    if found.on_bus:
        return (
            "an NVIDIA GPU without a working driver: sudo ubuntu-drivers install (or your system's package), restart, "
            "and `nvidia-smi` must list it"
        )
    return "this machine has no NVIDIA GPU: on its CPU, --epochs 0 trains the head alone, in minutes instead of hours"


def _memory_advice(found: Examination) -> list[str]:
    return [text for gpu in found.gpus for text in _memory_advice_for(gpu)]


def _memory_advice_for(gpu: Gpu) -> list[str]:
    said = []
    if gpu.memory_mib < ENOUGH_MIB:
        said.append(
            f"{gpu.name} has {gpu.memory_mib} MiB: leave --batch at auto, which computes as few as {AUTO_BATCHES[-1]} "
            "photos at once, and --mixed-precision at auto; a smaller --size if that fails"
        )
    if gpu.free_mib < FREE_SHARE * gpu.memory_mib:
        said.append(
            f"{gpu.name} has only {gpu.free_mib} of {gpu.memory_mib} MiB free: end the programs that `nvidia-smi` lists"
        )
    return said
