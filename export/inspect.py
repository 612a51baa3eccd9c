"""Prints what is inside of a bundle: manifest, variants, parity, calibration, signature."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from edge.bundle.bundle import PARITY, SIGNATURE, Bundle, open_bundle
from edge.bundle.manifest import Variant
from edge.commands import print_json
from edge.errors import BundleError

SHOWN = ("accuracy", "accuracy_drop", "agreement", "max_abs_dp")
"""Of each variant; the rest is in parity.json, and in --json."""


def inspect_bundle(path: Path, *, as_json: bool) -> None:
    """Open the bundle at `path`, all checks included, and print it. Raises BundleError."""
    bundle = open_bundle(path)
    console = Console(highlight=False)
    for name, value in _summary(bundle).items():
        console.print(f"{name:12} {escape(str(value))}", soft_wrap=True)
    console.print(_variants(bundle))
    if as_json:
        print_json({"manifest": msgspec.to_builtins(bundle.manifest), "parity": parity_of(bundle), **_summary(bundle)})


def parity_of(bundle: Bundle) -> dict[str, Any]:
    """What parity.json says. Raises BundleError when it is no JSON object."""
    try:
        return msgspec.json.decode(bundle.members[PARITY], type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BundleError(f"{bundle.path}: {PARITY}: {error}") from error


def _summary(bundle: Bundle) -> dict[str, str]:
    manifest, parity = bundle.manifest, parity_of(bundle)
    calibration = parity.get("calibration", {})
    return {
        "bundle": f"{manifest.id}, version {manifest.version}, made {manifest.created}",
        "labels": ", ".join(manifest.labels),
        "input": f"{manifest.input.size} x {manifest.input.size} {manifest.input.channels} {manifest.input.dtype}",
        "temperature": f"{manifest.temperature:g}",
        "dataset": _pairs(manifest.dataset),
        "training": _pairs(manifest.training),
        "tools": _pairs(manifest.tools),
        "judged on": f"{parity.get('test_photos', '?')} test photos",
        "calibrated": f"{len(calibration.get('sha256', ()))} photos, {calibration.get('method', 'no method named')}",
        "signature": "there, not checked; check it with verify --key" if SIGNATURE in bundle.members else "none",
    }


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items())


def _short(value: str) -> str:
    """A hash by its first twelve digits."""
    return f"{value[:12]}…" if len(value) == 64 else value


def _variants(bundle: Bundle) -> Table:
    heads = ("MB", "for", "accuracy", "drop", "agree", "max |dp|", "golden")
    table = Table(Column("variant", no_wrap=True), box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for variant in bundle.manifest.variants:
        table.add_row(*_row(variant))
    return table


def _row(variant: Variant) -> tuple[str, ...]:
    figures = [f"{variant.parity[name]:.4f}" if name in variant.parity else "" for name in SHOWN]
    return (variant.file, f"{variant.bytes / 1e6:.1f}", variant.provider, *figures, f"<= {variant.tolerance:g}")
