"""A checkpoint is whole or not there: the one before stays until the new one is safe."""

import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from edge.errors import RunError
from train.checkpoint import Checkpoint, Notes, Part, Place, merged, read_checkpoint, write_checkpoint

ROWS = [{"stage": "head", "epoch": 1, "loss": 0.5}]


def _checkpoint(step: int, values: int = 10) -> Checkpoint:
    notes = Notes(place=Place(0, 2, step), batch=8, part=Part(step, {"loss": 0.5}), history=ROWS)
    arrays = {"network": [np.arange(values, dtype=np.float32), np.array(7)], "best": []}
    return Checkpoint(notes, arrays)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Arrays in their order and kind, and the notes; a group without arrays is none."""
    write_checkpoint(tmp_path / "checkpoint.npz", _checkpoint(3))

    found = read_checkpoint(tmp_path / "checkpoint.npz")

    assert found is not None
    assert found.notes == _checkpoint(3).notes
    assert [array.tolist() for array in found.arrays["network"]] == [list(range(10)), 7]
    assert set(found.arrays) == {"network"}


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    """A run that was ended before its first one starts over."""
    assert read_checkpoint(tmp_path / "checkpoint.npz") is None


def test_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    """The error is one line, says how much it needs and what to do, and no half of a file stays."""
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, _checkpoint(3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))

    try:
        with pytest.raises(RunError, match=r"of 8 MiB, found .*the one before stays: make room.*--resume") as refusal:
            write_checkpoint(path, _checkpoint(4, values=2**21))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    kept = read_checkpoint(path)
    assert kept is not None
    assert kept.notes.place.step == 3
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 half"])
def test_a_damaged_one_is_refused(tmp_path: Path, content: bytes) -> None:
    """By name; nobody starts over unasked."""
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)

    with pytest.raises(RunError, match="expected a checkpoint of this version"):
        read_checkpoint(path)


def test_the_means_of_a_broken_off_epoch_go_on() -> None:
    """Three steps of loss 1, then one of loss 5: 2 in the mean."""
    assert merged(Part(3, {"loss": 1.0}), 1, {"loss": 5.0}) == Part(4, {"loss": 2.0})
    assert merged(Part(), 2, {"loss": 5.0}) == Part(2, {"loss": 5.0})
