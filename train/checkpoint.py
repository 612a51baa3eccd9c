"""All that a run needs to go on as if nothing had happened, in one file that is replaced only when the new one is safe.

The file is numpy's .npz: the arrays by group and number, and the rest as JSON.
"""

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from edge.errors import RunError

CHECKPOINT_FILE = "checkpoint.npz"
NOTES = "notes"

Arrays = list[np.ndarray]
Row = dict[str, Any]
"""Of metrics.csv."""


class Place(msgspec.Struct, frozen=True):
    """Where training stands: before this step of this epoch of this stage, all counted from 0."""

    stage: int
    epoch: int = 0
    step: int = 0


class Part(msgspec.Struct, frozen=True):
    """Of an epoch that was broken off: its steps so far, and their means."""

    steps: int = 0
    means: dict[str, float] = {}  # msgspec copies it


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint without its arrays."""

    place: Place
    batch: int = 0
    """Photos computed at once."""
    part: Part = Part()
    history: list[Row]
    best: float = -1.0
    """Macro F1 of the best weights of this stage."""
    best_epoch: int = -1


class Checkpoint(msgspec.Struct, frozen=True):
    """Notes and arrays by group: `start` (weights before fine-tuning), `network`, `optimizer`, `best`."""

    notes: Notes
    arrays: Mapping[str, Arrays]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path`. Raises RunError when the disk is full, and leaves the one before."""
    named = {
        f"{group}-{number:04}": array
        for group, arrays in checkpoint.arrays.items()
        for number, array in enumerate(arrays)
    }
    notes = np.frombuffer(msgspec.json.encode(checkpoint.notes), np.uint8)
    need_mib = sum(array.nbytes for array in named.values()) / 2**20
    try:
        replace_file(path, lambda file: np.savez(file, **{NOTES: notes}, **named))
    except OSError as error:
        kept = "the one before stays" if path.exists() else "there is none yet"
        raise RunError(
            f"{path}: expected room for a checkpoint of {need_mib:.0f} MiB, found {error.strerror or error}; {kept}: "
            "make room, and go on with --resume"
        ) from error


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, None when there is none. Raises RunError for a damaged one."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            notes = msgspec.json.decode(file[NOTES].tobytes(), type=Notes)
            return Checkpoint(notes, _grouped({name: file[name] for name in file.files if name != NOTES}))
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise RunError(
            f"{path}: expected a checkpoint of this version, found {error}; remove it to start over"
        ) from error


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, see it on the disk, and only then let it take the place. Raises OSError."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See on the disk which files `folder` has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _grouped(named: Mapping[str, np.ndarray]) -> dict[str, Arrays]:
    groups: dict[str, Arrays] = {}
    for name in sorted(named):
        groups.setdefault(name.rpartition("-")[0], []).append(named[name])
    return groups


def merged(part: Part, steps: int, means: Mapping[str, float]) -> Part:
    """An epoch's part so far and `steps` more of it, with the means of these."""
    both = part.steps + steps
    weighted = {name: (part.means.get(name, 0.0) * part.steps + mean * steps) / both for name, mean in means.items()}
    return Part(both, weighted)
