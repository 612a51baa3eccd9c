from pathlib import Path, PurePath

import pytest

from edge.errors import DatasetError
from edge.photos.folder_map import FolderMap, read_folder_map


@pytest.mark.parametrize(
    ("photo", "place"),
    [
        ("cardboard/1.jpg", ("recyclable", "cardboard")),
        ("unpacked/train/Cardboard/1.jpg", ("recyclable", "cardboard")),
        ("brown-glass/1.jpg", ("recyclable", "glass")),
        ("kitchen waste/peel/1.jpg", ("kitchen", "peel")),
        ("kitchen waste/1.jpg", ("kitchen", "")),
        ("trash/1.jpg", ("other", "")),
        ("mixed/battery_7.JPG", ("hazardous", "mixed")),
        ("mixed/cup_7.jpg", None),
        ("cardboard.jpg", ("other", "")),
    ],
)
def test_a_photo_gets_the_class_of_the_first_pattern_that_matches(photo: str, place: tuple[str, str] | None) -> None:
    """A folder's name or glob at any depth, or a glob over the whole path; upper and lower case are the same."""
    folder_map = FolderMap(
        folders={
            "cardboard": "recyclable/cardboard",
            "*glass": "recyclable/glass",
            "kitchen*": "kitchen/*",
            "trash": "other",
            "*/battery_*.jpg": "hazardous/*",
            "cardboard*": "other",
        }
    )

    found = folder_map.place(PurePath(photo))

    assert found == place


def test_what_is_ignored_is_told_apart_from_what_is_unknown() -> None:
    """By the same patterns."""
    folder_map = FolderMap(folders={"a": "x"}, ignore=("thumbs", "*.bmp"))

    ignored = [folder_map.ignores(PurePath(name)) for name in ("a/thumbs/1.jpg", "a/1.BMP", "a/1.jpg")]

    assert ignored == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[folders]\na = 3\n", "Expected `str`, got `int`"),
        ("[classes]\n", "unknown field `classes`"),
        ("", "missing required field `folders`"),
        ('[folders]\na = "x/y/z"\n', 'a: expected "class", "class/subclass" or "class/\\*", found \'x/y/z\''),
        ('[folders]\na = ""\n', "a: expected .*, found ''"),
        ('[folders]\na = "*"\n', r"a: expected .*, found '\*'"),
        ("[folders\n", "expected a map of folders, found"),
    ],
)
def test_a_wrong_map_is_named_with_its_key(tmp_path: Path, content: str, said: str) -> None:
    """File, key, expected and found."""
    path = tmp_path / "map.toml"
    path.write_text(content)

    with pytest.raises(DatasetError, match=said) as refused:
        read_folder_map(path)

    assert str(path) in str(refused.value)


def test_a_missing_map_says_so(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(DatasetError, match=r"none\.toml: expected a map of folders, found No such file"):
        read_folder_map(tmp_path / "none.toml")
