"""Puts models, golden inputs and the parity report together as one bundle; same input, same bytes."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from edge.bundle import GOLDEN, PARITY, InputSpec, Manifest, Variant, encode_golden, sha256, write_bundle
from edge.classifier import Probabilities
from edge.preprocess import Image
from edge.runfile import RunRecord
from export.golden import golden_inputs, tolerance
from export.parity import Parity, open_onnx

TOOLS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")
DIGITS = 6
"""Of the figures in the manifest and the report."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How the bundle is called and what it was checked on."""

    name: str
    version: int
    dataset: str
    """Name of the dataset folder."""
    fingerprint: str
    """`edge.dataset.fingerprint` of it."""


def assemble(
    target: Path,
    identity: Identity,
    run: RunRecord,
    models: Mapping[Path, Parity],
    report: Mapping[str, Any],
    *,
    seed: int,
) -> None:
    """Write the bundle of `models` (each with its passed parity) to `target`, whole or not at all.

    `report` becomes parity.json. Raises SortlineError when the place cannot be written.
    """
    inputs = golden_inputs(run.size, seed)
    expected = {parity.file: open_onnx(path, threads=1)(inputs) for path, parity in models.items()}
    variants = tuple(_variant(path, parity, inputs, expected[parity.file]) for path, parity in models.items())
    members = {parity.file: path.read_bytes() for path, parity in models.items()}
    members[GOLDEN] = encode_golden(inputs, expected)
    members[PARITY] = msgspec.json.format(msgspec.json.encode(rounded(report)), indent=2) + b"\n"
    write_bundle(target, _manifest(identity, run, variants, members), members)


def rounded(figures: Any) -> Any:
    """The same tree with every float at DIGITS digits after the point."""
    if isinstance(figures, float):
        return round(figures, DIGITS)
    if isinstance(figures, Mapping):
        return {key: rounded(value) for key, value in figures.items()}
    if isinstance(figures, Sequence) and not isinstance(figures, str):
        return [rounded(value) for value in figures]
    return figures


def _variant(path: Path, parity: Parity, inputs: Image, expected: Probabilities) -> Variant:
    content = path.read_bytes()
    return Variant(
        file=parity.file,
        format="onnx",
        precision=cast("Literal['fp32', 'int8']", parity.precision),
        provider="cpu",
        sha256=sha256(content),
        bytes=len(content),
        tolerance=rounded(tolerance(path, parity.precision, inputs, expected)),
        parity=rounded(_flat(parity)),
    )


def _flat(parity: Parity) -> dict[str, float]:
    names = ("n", "accuracy", "accuracy_drop", "agreement", "mean_abs_dp", "max_abs_dp")
    figures = {name: float(getattr(parity, name)) for name in names}
    return figures | {f"recall.{label}": value for label, value in parity.recall.items()}


def _manifest(
    identity: Identity, run: RunRecord, variants: tuple[Variant, ...], members: Mapping[str, bytes]
) -> Manifest:
    return Manifest(
        id=f"{identity.name}-{identity.version}",
        version=identity.version,
        labels=run.labels,
        input=InputSpec(size=run.size),
        temperature=run.temperature,
        variants=variants,
        golden_sha256=sha256(members[GOLDEN]),
        parity_sha256=sha256(members[PARITY]),
        dataset=_dataset(identity, run),
        training=_training(run),
        tools={name: sys.modules[name].__version__ for name in TOOLS},
        created=run.finished,
    )


def _dataset(identity: Identity, run: RunRecord) -> dict[str, str]:
    extra = {f"extra.{index}": Path(path).name for index, path in enumerate(run.extra)}
    return {
        "name": identity.dataset,
        "fingerprint": identity.fingerprint,
        "trained_on_fingerprint": run.dataset_fingerprint,
        **extra,
    }


def _training(run: RunRecord) -> dict[str, str]:
    settings = {f"settings.{name}": _without_folders(str(value)) for name, value in run.settings.items()}
    tools = {f"tools.{name}": version for name, version in run.tools.items()}
    return {"model_sha256": run.model_sha256, "finished": run.finished, **settings, **tools}


def _without_folders(value: str) -> str:
    """A file by its name alone: where it lay is nobody's business."""
    return Path(value).name if "/" in value else value
