from pathlib import Path

import cv2
import pytest

from edge.errors import UsageError
from edge.sim.items import CATALOGUE
from edge.sim.sheet import contact_sheet


def test_a_sheet_has_a_row_for_every_subclass(tmp_path: Path) -> None:
    """The sheet shows each subclass as often as asked."""
    subclasses = sum(len(drawings) for drawings in CATALOGUE.values())

    contact_sheet(tmp_path / "items.png", columns=2, seed=0, size=48)

    assert cv2.imread(str(tmp_path / "items.png")).shape == (subclasses * 48, 96, 3)


@pytest.mark.parametrize("name", ["items.txt", "nowhere/items.png"])
def test_a_place_that_takes_no_picture_is_named(tmp_path: Path, name: str) -> None:
    """A wrong ending or folder is an error that names it, never silence."""
    out = tmp_path / name

    with pytest.raises(UsageError, match="cannot write a picture"):
        contact_sheet(out, columns=1, seed=0, size=32)
