"""Costs: what a person writes about mistakes, and nothing else."""

from pathlib import Path

import pytest

from edge.errors import UsageError
from train.costs import open_costs

LABELS = ("kitchen", "other", "hazardous")


def test_what_is_not_said_is_ordinary(tmp_path: Path) -> None:
    """In the order of the classes; the right answer is free."""
    (tmp_path / "costs.toml").write_text("[hazardous]\nkitchen = 10\nother = 2.5\n")

    costs = open_costs(tmp_path / "costs.toml", LABELS)

    assert costs == ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (10.0, 2.5, 0.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[glass]\nother = 2", "'glass'"),
        ("[other]\nglass = 2", "other: expected classes of .* found 'glass'"),
        ("other = 2", r"other: expected a table \[other\]"),
        ("[other]\nkitchen = -1", r"other.kitchen: expected a cost of 0 or more, found -1"),
        ("[other]\nkitchen = 'much'", "found 'much'"),
        ("[other]\nkitchen = nan", "found nan"),
        ("[other]\nother = 1", r"other.other: expected the right answer to cost nothing"),
        ("[other", "expected a TOML file of costs"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """The message names file, class and value."""
    (tmp_path / "costs.toml").write_text(text)

    with pytest.raises(UsageError, match=expected) as refusal:
        open_costs(tmp_path / "costs.toml", LABELS)

    assert str(tmp_path / "costs.toml") in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        open_costs(tmp_path / "nowhere.toml", LABELS)
