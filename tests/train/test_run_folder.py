"""RUN appears whole or not at all."""

from pathlib import Path

import pytest

from edge.errors import RunError
from train.run_folder import new_folder


def test_a_finished_run_takes_its_place(tmp_path: Path) -> None:
    """Also in parents that did not exist, and over an empty folder."""
    out = tmp_path / "runs" / "first"

    with new_folder(out) as folder:
        (folder / "model").write_text("x")

    assert [path.name for path in out.iterdir()] == ["model"]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_broken_off_run_leaves_nothing(tmp_path: Path, end: type[BaseException]) -> None:
    """Whatever breaks it off, Ctrl-C included."""
    with pytest.raises(end):
        _break_off(tmp_path / "run", end)

    assert list(tmp_path.iterdir()) == []


def test_an_older_run_is_never_overwritten(tmp_path: Path) -> None:
    """A folder with anything in it is refused, untouched."""
    (tmp_path / "model").write_text("old")

    with pytest.raises(RunError, match="choose another --out"), new_folder(tmp_path):
        pytest.fail("the run began")

    assert (tmp_path / "model").read_text() == "old"


def _break_off(out: Path, end: type[BaseException]) -> None:
    with new_folder(out) as folder:
        (folder / "model").write_text("half of it")
        raise end
