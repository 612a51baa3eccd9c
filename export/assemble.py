"""Puts models, golden inputs and the parity report together as one bundle; same input, same bytes."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from edge.bundle.bundle import GOLDEN, PARITY, encode_golden, sha256, write_bundle
from edge.bundle.manifest import InputSpec, Manifest, Variant
from edge.classifier import Probabilities
from edge.preprocess import Image
from edge.runfile import RunRecord
from export.golden import golden_inputs, tolerance
from export.parity import Parity, open_model
from export.variants import Kind

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
    """`edge.photos.dataset.fingerprint` of it."""


def assemble(
    target: Path,
    identity: Identity,
    run: RunRecord,
    models: Mapping[Kind, Path],
    rows: Sequence[Parity],
    report: Mapping[str, Any],
    *,
    seed: int,
) -> None:
    """Write the bundle of `models`, whose passed parity is among `rows`, to `target`, whole or not at all.

    `report` becomes parity.json. Raises SortlineError when the place cannot be written.
    """
    inputs = golden_inputs(run.size, seed)
    parity = {row.file: row for row in rows}
    expected = {kind.file: open_model(path, kind.format, threads=1)(inputs) for kind, path in models.items()}
    variants = tuple(
        _variant(kind, path, parity[kind.file], inputs, expected[kind.file]) for kind, path in models.items()
    )
    members = {kind.file: path.read_bytes() for kind, path in models.items()}
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


def _variant(kind: Kind, path: Path, parity: Parity, inputs: Image, expected: Probabilities) -> Variant:
    content = path.read_bytes()
    return Variant(
        file=kind.file,
        format=kind.format,
        precision=kind.precision,
        provider=kind.provider,
        sha256=sha256(content),
        bytes=len(content),
        tolerance=rounded(tolerance(path, kind, inputs, expected)),
        parity=rounded({"n": float(parity.n), **parity.figures}),
    )


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
        tools=_tools(),
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


def _tools() -> dict[str, str]:
    """Import name -> version, whatever distribution it came with: tensorflow or tensorflow-cpu."""
    distributions = metadata.packages_distributions()
    return {name: metadata.version(distributions[name][0]) for name in TOOLS if name in distributions}


def _without_folders(value: str) -> str:
    """A file by its name alone: where it lay is nobody's business."""
    return Path(value).name if "/" in value else value
