"""The reference: what the empty belt looks like, learnt from frames and kept in a file by `calibrate`."""

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.preprocess import Box, Image

TEACH_FRAMES = 20
"""Frames that a reference is learnt from: an item passes each place in fewer than half of them."""
FORMAT = 1
MEMBERS = {"format", "region", "colour", "texture"}


@dataclass(frozen=True)
class Reference:
    """The empty belt at working size, as it looks in the middle of many frames while it runs."""

    colour: Image
    """(h, w, 3) uint8 RGB."""
    texture: NDArray[np.uint8]
    """(h, w) uint8: median deviation of a frame from `colour`, grey levels."""


def learnt_from(smalls: Sequence[Image]) -> Reference:
    """The reference that frames of one working size, (h, w, 3) uint8 RGB, have in common."""
    middle = np.median(smalls, axis=0).astype(np.int16)
    spread = np.median(np.abs(np.asarray(smalls, np.int16) - middle), axis=0).max(axis=2)
    return Reference(middle.astype(np.uint8), spread.astype(np.uint8))


def save_reference(path: Path, reference: Reference, region: Box) -> None:
    """Write the reference of a region of the picture, in pixels; whoever reads meanwhile sees the old file or none."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez_compressed(
            file, format=FORMAT, region=np.array(region), colour=reference.colour, texture=reference.texture
        )
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_reference(path: Path, region: Box, size: tuple[int, int]) -> Reference:
    """The reference in `path`, taught for `region` at a working size of (h, w). Raises ConfigError."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in MEMBERS & set(file)}
    except FileNotFoundError:
        raise ConfigError(f"belt.reference: expected a file that `calibrate --write` made, found no {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"belt.reference: expected a reference in {path}, found {error}; calibrate again") from error
    if found.keys() != MEMBERS or int(found["format"]) != FORMAT:
        raise ConfigError(f"belt.reference: expected a reference in {path}, found {sorted(found)}; calibrate again")
    if (taught := tuple(found["region"].tolist())) != tuple(region):
        raise ConfigError(
            f"belt.reference: expected one taught for the region {tuple(region)} of the picture (left, top, right, "
            f"bottom), found {taught} in {path}; calibrate again"
        )
    colour, texture = found["colour"], found["texture"]
    if colour.shape != (*size, 3) or texture.shape != size or {colour.dtype, texture.dtype} != {np.dtype(np.uint8)}:
        raise ConfigError(
            f"belt.reference: expected pictures of {size[1]}x{size[0]} in {path}, found {colour.shape[1::-1]}; "
            "calibrate again, with the same mm_per_px and min_item_mm"
        )
    return Reference(colour, texture)
