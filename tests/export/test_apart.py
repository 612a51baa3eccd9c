"""Work in a process of its own."""

import os
import tempfile
from pathlib import Path

import pytest

from edge.errors import DatasetError, SortlineError
from export.apart import apart


def test_it_returns_what_the_work_returns(tmp_path: Path) -> None:
    """The work runs in another process, its temporary files lie in the folder that it was given."""
    given = "word"

    word, process, folder = apart(tmp_path, where_it_runs, given)

    assert (word, folder) == (given, str(tmp_path))
    assert process != os.getpid()


def test_its_errors_keep_their_kind(tmp_path: Path) -> None:
    """An error of ours keeps its text and its exit status."""
    with pytest.raises(DatasetError, match=r"^one line$") as caught:
        apart(tmp_path, broken_photo)

    assert caught.value.exit_status == DatasetError.exit_status


def test_a_killed_process_is_an_error(tmp_path: Path) -> None:
    """The system takes memory back by killing: that is said, with the status, and waited for by nobody."""
    with pytest.raises(SortlineError, match=r"ended with status -9; is there memory for it\?") as caught:
        apart(tmp_path, killed)

    assert "killed" in str(caught.value)


def where_it_runs(word: str) -> tuple[str, int, str]:
    """What it was given, its process, its folder for temporary files."""
    return word, os.getpid(), tempfile.gettempdir()


def broken_photo() -> None:
    """Raises as work does."""
    raise DatasetError("one line")


def killed() -> None:
    """Ends as for want of memory."""
    os.kill(os.getpid(), 9)
