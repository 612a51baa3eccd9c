"""The bundle: one stored zip with models, golden inputs and proofs; nothing in it is believed before its hash."""

import contextlib
import hashlib
import io
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.archive import MAX_MEMBER_BYTES, read_archive, write_archive
from edge.bundle.manifest import Manifest, Variant, decode_manifest, encode_manifest
from edge.bundle.onnx_file import refuse_external_data
from edge.bundle.signature import SIGNATURE_BYTES, PublicKey, check_signature
from edge.errors import BundleError, SortlineError
from edge.preprocess import Image

MANIFEST, GOLDEN, PARITY, SIGNATURE = "manifest.json", "golden.npz", "parity.json", "manifest.sig"
MODEL_NAMES = frozenset(
    [f"model-{precision}.onnx" for precision in ("fp32", "fp16", "int8")]
    + [f"model-{precision}.tflite" for precision in ("fp32", "fp16", "dynamic", "int8")]
)
ALLOWED = MODEL_NAMES | {MANIFEST, GOLDEN, PARITY, SIGNATURE}
MIN_GOLDEN = 16
NPZ_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold: the same content gives the same bytes."""


@dataclass(frozen=True)
class Golden:
    """Synthetic inputs (N, size, size, 3) uint8 and what one variant answered to them, (N, classes) float32."""

    inputs: Image
    expected: NDArray[np.float32]


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: every byte in it agrees with the manifest."""

    path: Path
    manifest: Manifest
    members: Mapping[str, bytes]
    signer: PublicKey | None = None
    """The trusted key that signed it; None when none was asked for."""

    def variant(self, precision: str, kind: str = "onnx") -> Variant:
        """The variant of this precision and format. Raises BundleError naming what there is."""
        for variant in self.manifest.variants:
            if (variant.precision, variant.format) == (precision, kind):
                return variant
        have = [variant.file for variant in self.manifest.variants]
        raise BundleError(f"{self.path}: expected a variant model-{precision}.{kind}, found {have}")

    def golden(self, variant: Variant) -> Golden:
        """The golden inputs with the probabilities that `variant` gave on the machine that exported it."""
        with np.load(io.BytesIO(self.members[GOLDEN]), allow_pickle=False) as arrays:
            return Golden(arrays["inputs"], arrays[variant.file])


def open_bundle(path: Path, trusted: Sequence[PublicKey] = (), min_version: int = 0) -> Bundle:
    """Read a bundle and check form, signature, version, names, sizes, hashes, weights and shapes, in that order.

    With `trusted` keys, one of them must have signed it; without, a signature is neither needed nor looked at. A
    version below `min_version` is refused, so that an old bundle, though rightly signed, cannot come back. Raises
    BundleError with the difference found; until it returns, no runtime has seen a byte.
    """
    try:
        members = read_archive(path, ALLOWED)
    except OSError as error:
        raise BundleError(f"{path}: expected a bundle, found {error.strerror or error}") from error
    if MANIFEST not in members:
        raise BundleError(f"{path}: expected members {MANIFEST}, models, {GOLDEN}, {PARITY}, found {list(members)}")
    signature = members.get(SIGNATURE)
    signer = check_signature(members[MANIFEST], signature, trusted, str(path)) if trusted else None
    manifest = decode_manifest(members[MANIFEST], f"{path}: {MANIFEST}")
    _check_version(path, manifest, min_version)
    _check_names(path, manifest, members)
    _check_hashes(path, manifest, members)
    _check_weights(path, manifest, members)
    bundle = Bundle(path, manifest, members, signer)
    _check_golden(bundle)
    return bundle


def write_bundle(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Write `members` (models, golden, parity) with `manifest` to `path`, whole or not at all; same input, same bytes.

    Raises SortlineError when the place cannot be written.
    """
    replace_bundle(path, {MANIFEST: encode_manifest(manifest), **members})


def replace_bundle(path: Path, members: Mapping[str, bytes]) -> None:
    """Write all `members`, manifest and signature among them, to `path`, whole or not at all.

    Raises BundleError when they would be no bundle, SortlineError when the place cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            write_archive(file, members)
        open_bundle(partial)
        partial.replace(path)
    except OSError as error:
        raise SortlineError(f"{path}: expected a place to write the bundle to, found {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def encode_golden(inputs: Image, expected: Mapping[str, NDArray[np.float32]]) -> bytes:
    """golden.npz: inputs (N, size, size, 3) uint8 and, per variant file, probabilities (N, classes) float32."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"inputs": inputs, **expected}.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(_plain_file(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def sha256(content: bytes) -> str:
    """The sha256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _plain_file(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, NPZ_EPOCH)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _check_version(path: Path, manifest: Manifest, min_version: int) -> None:
    if manifest.version < min_version:
        raise BundleError(
            f"{path}: expected version {min_version} or later, found {manifest.version}; an older one is not taken back"
        )


def _check_names(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Names, and their order: the same bundle has one form."""
    files = [variant.file for variant in manifest.variants]
    signature = [SIGNATURE] if SIGNATURE in members else []
    named = [MANIFEST, *files, GOLDEN, PARITY, *signature]
    if named != list(members):
        raise BundleError(f"{path}: expected the members {named} of the manifest, found {list(members)}")
    for variant in manifest.variants:
        if variant.file != (wanted := f"model-{variant.precision}.{variant.format}"):
            raise BundleError(f"{path}: {MANIFEST}: expected file {wanted}, found {variant.file!r}")
    if signature and len(members[SIGNATURE]) != SIGNATURE_BYTES:
        raise BundleError(f"{path}: {SIGNATURE}: expected {SIGNATURE_BYTES} bytes, found {len(members[SIGNATURE])}")


def _check_hashes(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    said = {GOLDEN: manifest.golden_sha256, PARITY: manifest.parity_sha256}
    said |= {variant.file: variant.sha256 for variant in manifest.variants}
    for name, wanted in said.items():
        if (found := sha256(members[name])) != wanted:
            raise BundleError(f"{path}: {name}: sha256 is {found[:12]}…, manifest says {wanted[:12]}…")


def _check_weights(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    for variant in manifest.variants:
        if (found := len(members[variant.file])) != variant.bytes:
            raise BundleError(f"{path}: {variant.file}: expected {variant.bytes} bytes, found {found}")
        if variant.format == "onnx":
            refuse_external_data(members[variant.file], f"{path}: {variant.file}")


def _check_golden(bundle: Bundle) -> None:
    size, classes = bundle.manifest.input.size, len(bundle.manifest.labels)
    where = f"{bundle.path}: {GOLDEN}"
    _check_unfolded(bundle.members[GOLDEN], where)
    for variant in bundle.manifest.variants:
        try:
            golden = bundle.golden(variant)
        except Exception as error:  # whatever numpy and zipfile raise for arrays that are none
            raise BundleError(f"{where}: expected arrays for {variant.file}, found {error}") from error
        count = len(golden.inputs) if golden.inputs.ndim else 0
        wanted: tuple[Any, ...] = ((count, size, size, 3), np.uint8, (count, classes), np.float32)
        found = (golden.inputs.shape, golden.inputs.dtype, golden.expected.shape, golden.expected.dtype)
        if count < MIN_GOLDEN or found != wanted:
            raise BundleError(f"{where}: expected {MIN_GOLDEN} or more of {wanted}, found {found}")


def _check_unfolded(content: bytes, where: str) -> None:
    """The arrays are compressed: none may unfold beyond what a member may hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as arrays:
            unfolded = sum(info.file_size for info in arrays.infolist())
    except Exception as error:  # whatever zipfile raises for a damaged file
        raise BundleError(f"{where}: expected arrays, found {error}") from error
    if unfolded > MAX_MEMBER_BYTES:
        raise BundleError(f"{where}: expected at most {MAX_MEMBER_BYTES} bytes of arrays, found {unfolded}")
