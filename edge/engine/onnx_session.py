"""Opens an ONNX model in onnxruntime on exactly the provider that was asked for."""

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from edge.errors import ProviderError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NO_DEVICE = 100
"""CUDA_ERROR_NO_DEVICE of the driver's API."""


def onnxruntime() -> ModuleType:
    """The library. Raises ProviderError where it is not installed."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # a machine on the line phones nobody
    try:
        import onnxruntime as library  # 0.2 s that `--help` and `gate` need not pay
    except ImportError as error:
        raise ProviderError(f"expected onnxruntime, found none ({error}); install sortline[cpu] or [gpu]") from error
    return library  # type: ignore[no-any-return]


def cuda_installed() -> bool:
    """Whether this onnxruntime was built for CUDA; a card, its driver and libraries may still be missing."""
    return CUDA in onnxruntime().get_available_providers()


def open_session(model: bytes, provider: str, options: Any, settings: Mapping[str, str] | None = None) -> Any:
    """An InferenceSession all of whose nodes run on `provider`; `options` is a SessionOptions, changed here.

    Raises ProviderError that names what is missing.
    """
    library = onnxruntime()
    if provider not in (have := library.get_available_providers()):
        raise ProviderError(f"expected {provider}, this onnxruntime has {have}; install sortline[gpu]")
    if provider == CUDA:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        if missing := _missing_library(library):
            raise ProviderError(f"expected {provider}, its library is missing: {missing}; install sortline[gpu]")
    try:
        session = library.InferenceSession(model, options, providers=[(provider, dict(settings or {}))])
    except Exception as error:
        why = f"{_card()}; " if provider == CUDA else ""
        raise ProviderError(f"expected {provider} to run the model, {why}it refused: {first_line(error)}") from error
    if (got := session.get_providers()[0]) != provider:
        raise ProviderError(f"expected {provider}, got {got}: its libraries do not fit the driver")
    return session


def first_line(error: Exception) -> str:
    """What an error says, without the stack that some libraries append."""
    return str(error).partition("\n")[0]


def _card() -> str:
    """What the driver says of the card; onnxruntime itself says of none that the session's options contradict it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"found no NVIDIA driver: {error}"
    if driver.cuInit(0) == NO_DEVICE:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = "" if visible is None else f": CUDA_VISIBLE_DEVICES is {visible!r}"
        return f"found no card that this process may use{hidden}"
    return "there is a card: is it free, and its driver new enough?"


def _missing_library(library: ModuleType) -> str:
    """The first library that CUDA's provider lacks, in the loader's words; empty when all are there."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()):  # it prints what it does not find; the loader says it better below
        library.preload_dlls()  # those of the nvidia-* packages, which no loader looks for
    folder = Path(library.__file__ or "").parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / "libonnxruntime_providers_cuda.so"))
    except OSError as error:
        return str(error)
    return ""
