"""Logs for TensorBoard: written where tensorboardX is, asked for where it is not."""

import importlib.util
import time
from pathlib import Path

import pytest

from edge.errors import Unavailable
from train.tensorboard import open_log

INSTALLED = importlib.util.find_spec("tensorboardX") is not None
WRITTEN_S = 30.0
"""tensorboardX writes in a thread of its own."""


def _events(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.skipif(not INSTALLED, reason="tensorboardX is not installed")
def test_every_number_of_an_epoch_is_written(tmp_path: Path) -> None:
    """By stage and column, into an event file."""
    log = open_log(tmp_path / "logs")

    log(1, {"stage": "all", "epoch": 1, "loss": 0.5, "macro_f1": 0.9})

    deadline = time.monotonic() + WRITTEN_S
    while b"all/macro_f1" not in (written := _events(tmp_path / "logs")):
        assert time.monotonic() < deadline, f"nothing of it after {WRITTEN_S} s in {written!r}"
        time.sleep(0.05)
    assert b"all/loss" in written
    assert b"all/epoch" not in written


@pytest.mark.skipif(INSTALLED, reason="tensorboardX is installed")
def test_without_the_library_it_says_what_to_install(tmp_path: Path) -> None:
    """Before anything is trained."""
    with pytest.raises(Unavailable, match="sortline\\[tensorboard\\]"):
        open_log(tmp_path / "logs")
