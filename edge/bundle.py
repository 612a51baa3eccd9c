"""The bundle: one stored zip with models, golden inputs and proofs; nothing in it is believed before its hash."""

import contextlib
import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import BundleError, SortlineError
from edge.preprocess import Image

FORMAT = 1
MANIFEST, GOLDEN, PARITY = "manifest.json", "golden.npz", "parity.json"
MODEL_NAMES = frozenset(
    f"model-{precision}.{kind}" for precision in ("fp32", "fp16", "int8") for kind in ("onnx", "tflite")
)
MAX_MEMBER_BYTES = 512 * 2**20
"""Several times a float32 ResNet50; more is a mistake or an attack."""
MIN_GOLDEN = 16
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold: the same content gives the same bytes."""


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model file of a bundle."""

    file: str
    format: Literal["onnx", "tflite"]
    precision: Literal["fp32", "fp16", "int8"]
    provider: Literal["cpu", "cuda"]
    """What it was made for."""
    sha256: str
    bytes: int
    tolerance: float
    """Largest difference of a probability that the golden self-test forgives on another machine."""
    parity: dict[str, float]
    """Figures of the gate that it passed: agreement, accuracy, accuracy_drop, max_abs_dp, …"""


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every variant takes: (N, size, size, 3) uint8."""

    size: int
    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    channels: Literal["RGB"] = "RGB"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle says about itself."""

    format: int = FORMAT
    id: str
    """Name and version, as decisions and logs cite it."""
    version: int
    """Grows with every bundle of this name."""
    labels: tuple[str, ...]
    input: InputSpec
    temperature: float
    """Divides the logits; already inside the graph's softmax, here for people."""
    variants: tuple[Variant, ...]
    golden_sha256: str
    parity_sha256: str
    dataset: dict[str, str]
    training: dict[str, str]
    tools: dict[str, str]
    created: str
    """ISO 8601 UTC."""


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


def open_bundle(path: Path) -> Bundle:
    """Read a bundle and check names, sizes, hashes and shapes. Raises BundleError with the difference found."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _read_members(path, archive)
    except OSError as error:
        raise BundleError(f"{path}: expected a bundle, found {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise BundleError(f"{path}: expected a bundle (a stored zip), found {error}") from error
    manifest = _decode_manifest(path, members[MANIFEST])
    _check_names(path, manifest, members)
    _check_hashes(path, manifest, members)
    bundle = Bundle(path, manifest, members)
    _check_golden(bundle)
    return bundle


def write_bundle(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Write `members` (models, golden, parity) with `manifest` to `path`, whole or not at all; same input, same bytes.

    Raises SortlineError when the place cannot be written.
    """
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    partial = path.with_name(f".{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for name, content in {MANIFEST: encoded, **members}.items():
                archive.writestr(_plain_file(name), content)
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
    info = zipfile.ZipInfo(name, ZIP_EPOCH)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _read_members(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    allowed = MODEL_NAMES | {MANIFEST, GOLDEN, PARITY}
    if MANIFEST not in names or len(set(names)) != len(names) or not set(names) <= allowed:
        raise BundleError(f"{path}: expected members {MANIFEST}, models, {GOLDEN}, {PARITY} once each, found {names}")
    for info in infos:
        _check_member(path, info)
    return {info.filename: archive.read(info) for info in infos}


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    if info.compress_type != zipfile.ZIP_STORED:
        raise BundleError(f"{path}: {info.filename}: expected a stored member, found a compressed one")
    if not stat.S_ISREG(info.external_attr >> 16):
        raise BundleError(f"{path}: {info.filename}: expected a plain file, found a link or folder")
    if info.file_size > MAX_MEMBER_BYTES:
        raise BundleError(f"{path}: {info.filename}: expected at most {MAX_MEMBER_BYTES} bytes, found {info.file_size}")


def _decode_manifest(path: Path, content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"{path}: {MANIFEST}: {error}") from error
    if manifest.format != FORMAT:
        raise BundleError(f"{path}: {MANIFEST}: expected format {FORMAT}, found {manifest.format}; update sortline")
    if not manifest.variants or len(set(manifest.labels)) < 2:
        raise BundleError(f"{path}: {MANIFEST}: expected two labels and a variant, found {manifest.labels}")
    return manifest


def _check_names(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    named = {MANIFEST, GOLDEN, PARITY} | {variant.file for variant in manifest.variants}
    if named != set(members):
        raise BundleError(f"{path}: expected the members {sorted(named)} of the manifest, found {sorted(members)}")


def _check_hashes(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    said = {GOLDEN: manifest.golden_sha256, PARITY: manifest.parity_sha256}
    said |= {variant.file: variant.sha256 for variant in manifest.variants}
    for name, wanted in said.items():
        if (found := sha256(members[name])) != wanted:
            raise BundleError(f"{path}: {name}: sha256 is {found[:12]}…, manifest says {wanted[:12]}…")


def _check_golden(bundle: Bundle) -> None:
    size, classes = bundle.manifest.input.size, len(bundle.manifest.labels)
    for variant in bundle.manifest.variants:
        try:
            golden = bundle.golden(variant)
        except (KeyError, ValueError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise BundleError(f"{bundle.path}: {GOLDEN}: expected arrays for {variant.file}, found {error}") from error
        count = len(golden.inputs)
        wanted: tuple[Any, ...] = ((count, size, size, 3), np.uint8, (count, classes))
        found = (golden.inputs.shape, golden.inputs.dtype, golden.expected.shape)
        if count < MIN_GOLDEN or found != wanted:
            raise BundleError(f"{bundle.path}: {GOLDEN}: expected {MIN_GOLDEN} or more of {wanted}, found {found}")
