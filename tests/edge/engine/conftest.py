"""Bundles of several variants, opened."""

import ctypes
import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edge.bundle.bundle import Bundle, encode_golden, open_bundle, sha256, write_bundle
from edge.bundle.manifest import Variant

Make = Callable[..., Any]
Models = dict[str, tuple[bytes, str]]
"""File name -> its content, and the provider that it was made for."""
LABOUR = 1200
"""Rows of a matrix that is squared in vain: some ten milliseconds."""


@pytest.fixture
def bundle_of(tmp_path: Path, bundle_parts: Make) -> Callable[..., Bundle]:
    """An opened bundle, sound unless parts are replaced; `models` all answer as the usual one does."""

    def make(models: Models | None = None, **changes: Any) -> Bundle:
        manifest, members = bundle_parts(**changes)
        if models:
            manifest, members = _with_models(manifest, members, models)
        path = tmp_path / "a.bundle"
        write_bundle(path, manifest, members)
        return open_bundle(path)

    return make


@pytest.fixture
def c_library(tmp_path: Path) -> Callable[[str, str], ctypes.CDLL]:
    """Compile a stand-in for a library of this name from its source."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")

    def compiled(name: str, source: str) -> ctypes.CDLL:
        (tmp_path / f"{name}.c").write_text(source)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / name, tmp_path / f"{name}.c"], check=True)
        return ctypes.CDLL(str(tmp_path / name))

    return compiled


@pytest.fixture
def slow() -> Callable[[bytes], bytes]:
    """The same model, whose answers take far longer."""

    def burdened(content: bytes) -> bytes:
        model = onnx.load_from_string(content)
        graph, answer = model.graph, model.graph.output[0].name
        ballast = np.random.default_rng(0).normal(0, 1e-6, (LABOUR, LABOUR)).astype(np.float32)
        graph.initializer.extend(
            [numpy_helper.from_array(ballast, "ballast"), numpy_helper.from_array(np.float32(0), "nil")]
        )
        graph.node[-1].output[0] = "answer"
        graph.node.extend(
            [
                helper.make_node("ReduceMax", ["answer"], ["most"], keepdims=0),
                helper.make_node("Mul", ["ballast", "most"], ["stirred"]),
                helper.make_node("MatMul", ["stirred", "ballast"], ["squared"]),
                helper.make_node("ReduceMax", ["squared"], ["peak"], keepdims=0),
                helper.make_node("Mul", ["peak", "nil"], ["nothing"]),
                helper.make_node("Add", ["answer", "nothing"], [answer]),
            ]
        )
        burden: bytes = model.SerializeToString()
        return burden

    return burdened


def _with_models(manifest: Any, members: dict[str, bytes], models: Models) -> Any:
    with np.load(io.BytesIO(members["golden.npz"])) as arrays:
        golden = encode_golden(arrays["inputs"], dict.fromkeys(models, arrays["model-int8.onnx"]))
    contents = {name: content for name, (content, _) in models.items()}
    variants = tuple(_variant(name, *model) for name, model in models.items())
    changed = msgspec.structs.replace(manifest, variants=variants, golden_sha256=sha256(golden))
    return changed, {**contents, "golden.npz": golden, "parity.json": members["parity.json"]}


def _variant(name: str, content: bytes, provider: str) -> Variant:
    precision, _, form = name.removeprefix("model-").partition(".")
    fields = {"format": form, "precision": precision, "provider": provider, "sha256": sha256(content)}
    return Variant(file=name, bytes=len(content), tolerance=0.001, parity={}, **fields)
