"""The selection: what teaches never judges."""

import shutil
from pathlib import Path

import pytest

from edge.errors import DatasetError
from train.selection import select


def test_a_held_out_source_neither_teaches_nor_judges_with_the_others(shapes: Path) -> None:
    """All its photos of both splits stand apart, and nothing is lost."""
    everything = select(shapes, [], [])

    selection = select(shapes, [], ["carol"])

    assert {photo.source for photo in selection.train + selection.test} == {"alice", "bob"}
    assert {photo.source for photo in selection.held_out} == {"carol"}
    assert {photo.split for photo in selection.held_out} == {"train", "test"}
    parts = selection.train + selection.test + selection.held_out
    assert {photo.path for photo in parts} == {photo.path for photo in everything.dataset.photos}
    assert len(parts) == len(everything.dataset.photos)


def test_extra_photos_teach_whatever_their_split_says(shapes: Path, tmp_path: Path) -> None:
    """A further dataset adds nothing to the test, or figures could not be compared."""
    further = tmp_path / "further"
    shutil.copytree(shapes, further)

    selection = select(shapes, [further], [])

    assert len(selection.extra) == len(selection.dataset.photos)
    assert selection.test == select(shapes, [], []).test


def test_an_unknown_source_is_refused_by_name(shapes: Path) -> None:
    """A slip of the pen must not look like a clean result."""
    with pytest.raises(DatasetError, match=r"'dave'") as refusal:
        select(shapes, [], ["dave"])

    assert "alice" in str(refusal.value)


def test_holding_out_all_photos_of_a_class_is_refused(shapes: Path) -> None:
    """A class without training photos cannot be learnt."""
    with pytest.raises(DatasetError, match="training photos of every class"):
        select(shapes, [], ["alice", "bob", "carol"])
