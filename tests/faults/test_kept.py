from pathlib import Path

from tests.faults.kept import Kept, Size
from tests.faults.table import Figure

FIGURES = [Figure("a fault", "nothing lost", "0 lost", ok=True), Figure("another", "all back", "needs root", ok=None)]


def test_figures_of_a_row_are_there_for_the_next_run(tmp_path: Path) -> None:
    """A run of an hour that was broken off need not begin again."""
    size = Size(long=True, scale=1.0)

    Kept(tmp_path / "new", size).write("kills", FIGURES)

    assert Kept(tmp_path / "new", size).read("kills") == FIGURES
    assert Kept(tmp_path / "new", size).read("disk") == []


def test_figures_of_another_size_are_none(tmp_path: Path) -> None:
    """A tenth of the kills is not the table's row."""
    Kept(tmp_path, Size(long=True, scale=0.1)).write("kills", FIGURES)

    for size in (Size(long=True, scale=1.0), Size(long=False, scale=0.1)):
        assert Kept(tmp_path, size).read("kills") == []
