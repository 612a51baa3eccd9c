"""What computes here: the system, the driver and its GPUs, and what Keras' backend can use of them."""

import importlib
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

SMI_TIMEOUT_S = 20.0
"""A cold driver takes seconds to answer."""
NVIDIA_PCI, DISPLAY_PCI = "0x10de", "0x03"


class Gpu(msgspec.Struct, frozen=True):
    """One that the driver lists."""

    name: str
    memory_mib: int
    free_mib: int


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    system: str
    """Linux, WSL2, Windows or Darwin."""
    python: str
    backend: str
    backend_version: str
    build: str
    """What the backend was built for: "CUDA 12.5.1, cuDNN 9", "cpu", or empty when it does not say."""
    driver: str
    """Version of the NVIDIA driver; empty without one that works."""
    gpus: tuple[Gpu, ...]
    """That the driver lists."""
    on_bus: bool
    """Whether there is an NVIDIA GPU on the PCI bus."""
    container: bool
    visible: str | None
    """CUDA_VISIBLE_DEVICES."""
    backend_gpus: tuple[str, ...]
    """That the backend can use."""

    @property
    def hidden(self) -> bool:
        """Whether the environment hides every GPU."""
        return self.visible is not None and self.visible.strip() in ("", "-1")

    @property
    def idle_gpu(self) -> bool:
        """Whether this machine has a GPU that nobody hid on purpose and that the backend cannot use.

        A container that was not given the host's GPU has none.
        """
        present = bool(self.gpus) or (self.on_bus and not self.container)
        return present and not self.backend_gpus and not self.hidden


def examine(gpus: Callable[[], Sequence[str]]) -> Examination:
    """Look at this machine and at Keras' backend, of which `gpus` lists what it uses. Finds less where a part lacks.

    The driver is asked first: listing GPUs, TensorFlow and JAX take nearly all of their free memory.
    """
    driver, listed = _ask_driver()
    backend = _backend()
    return Examination(
        system=_system(),
        python=platform.python_version(),
        backend=backend,
        backend_version=_version(backend, f"{backend}-cpu"),
        build=_build(backend),
        driver=driver,
        gpus=listed,
        on_bus=_on_bus(),
        container=any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")),
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        backend_gpus=tuple(gpus()),
    )


def _ask_driver() -> tuple[str, tuple[Gpu, ...]]:
    query = ["nvidia-smi", "--query-gpu=driver_version,name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=SMI_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "", ()
    return read_smi(told)


def oldest_capability() -> float:
    """The lowest CUDA compute capability of this machine's GPUs; infinite when no driver tells."""
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=SMI_TIMEOUT_S, check=True).stdout
        return min(map(float, told.split()), default=float("inf"))
    except (OSError, subprocess.SubprocessError, ValueError):
        return float("inf")


def read_smi(told: str) -> tuple[str, tuple[Gpu, ...]]:
    """Driver version and GPUs from nvidia-smi's lines `driver, name, total, free`; other lines are left out."""
    rows = [[part.strip() for part in line.split(",")] for line in told.splitlines()]
    rows = [row for row in rows if len(row) == 4 and row[2].isdigit() and row[3].isdigit()]
    return (rows[0][0] if rows else ""), tuple(Gpu(name, int(total), int(free)) for _, name, total, free in rows)


def _on_bus() -> bool:
    devices = Path("/sys/bus/pci/devices")
    return any(
        _read(device / "vendor") == NVIDIA_PCI and _read(device / "class").startswith(DISPLAY_PCI)
        for device in (devices.iterdir() if devices.is_dir() else ())
    )


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _system() -> str:
    return "WSL2" if "microsoft" in platform.release().lower() else platform.system()


def _backend() -> str:
    import keras

    return str(keras.config.backend())


def _build(backend: str) -> str:
    if backend != "tensorflow":
        return ""
    info = importlib.import_module("tensorflow").sysconfig.get_build_info()
    if not info.get("is_cuda_build"):
        return "cpu"
    return f"CUDA {info.get('cuda_version', '?')}, cuDNN {info.get('cudnn_version', '?')}"


def _version(*packages: str) -> str:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "?"
