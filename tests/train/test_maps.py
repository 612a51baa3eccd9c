"""Maps: the well-known public sets open with nothing but a name."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from edge.errors import DatasetError
from edge.photos.dataset import REFERENCE_ORDER, fingerprint, open_dataset
from edge.photos.maps import open_map, ready_names
from edge.runfile import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.train.conftest import Command

SHORT = ("--epochs", 0, "--head-epochs", 1, "--augment", 0, "--backgrounds", 0)
TRASHNET = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
KAGGLE12 = (
    *("battery", "biological", "brown-glass", "cardboard", "clothes", "green-glass"),
    *("metal", "paper", "plastic", "shoes", "trash", "white-glass"),
)


@pytest.mark.parametrize(
    ("name", "folders", "classes"),
    [
        ("trashnet", TRASHNET, {"recyclable": 5, "other": 1}),
        ("kaggle12", KAGGLE12, {"kitchen": 1, "recyclable": 9, "other": 1, "hazardous": 1}),
        (
            "paper4",
            ("Kitchen waste/peel", "recyclable_waste/can", "Other/bowl", "hazardous waste/battery"),
            {"kitchen": 1, "recyclable": 1, "other": 1, "hazardous": 1},
        ),
    ],
)
def test_a_ready_map_places_every_folder_of_its_set(
    name: str, folders: tuple[str, ...], classes: dict[str, int], tmp_path: Path, command_line: Command
) -> None:
    """`check --map NAME` opens that layout, also one level down as archives unpack, and counts by class."""
    for number, folder in enumerate(folders):
        path = tmp_path / "unpacked" / folder / f"{number}.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes([number]))

    done = command_line("check", tmp_path, "--map", name, "--json")

    counts = json.loads(done.out.splitlines()[-1])["counts"]
    assert {row["label"]: row["train"] + row["test"] for row in counts if row["subclass"] is None} == classes
    assert all(row["subclass"] for row in counts if row["subclass"] is not None)


def test_ready_maps_lead_to_the_reference_classes() -> None:
    """So that photos of several sets can teach one model."""
    maps = [open_map(name) for name in ready_names()]

    labels = {target.partition("/")[0] for found in maps if found for target in found.folders.values()}

    assert labels == set(REFERENCE_ORDER)


def test_a_map_of_ones_own_is_a_file(tmp_path: Path) -> None:
    """With the same content as the ready ones."""
    path = tmp_path / "mine.toml"
    path.write_text('ignore = ["old"]\n[folders]\nwood = "timber/board"\n')

    found = open_map(str(path))

    assert found is not None
    assert found.folders == {"wood": "timber/board"}
    assert found.ignore == ("old",)


def test_an_unknown_map_is_refused_with_the_ready_ones(tmp_path: Path) -> None:
    """A slip in the name does not send anybody looking."""
    with pytest.raises(DatasetError, match=r"TOML file or one of kaggle12, paper4, trashnet, found '.*trashnett'"):
        open_map(str(tmp_path / "trashnett"))


def test_a_run_through_a_map_remembers_it_and_eval_takes_it(
    shapes: Path, weights: Path, command_line: Command, quick: tuple[object, ...], tmp_path: Path
) -> None:
    """The record holds the map itself: export opens the same classes and split, even if the file is gone."""
    photos = tmp_path / "photos"
    shutil.copytree(shapes, photos, ignore=shutil.ignore_patterns("manifest.csv"))
    path = tmp_path / "round.toml"
    path.write_text('[folders]\nball = "round/*"\n"b*" = "edged/*"\n')

    trained = command_line(photos, "--weights", weights, "--out", tmp_path / "run", *quick, *SHORT, "--map", path)
    judged = command_line("eval", tmp_path / "run", photos, "--map", path, "--json")

    assert trained.status == judged.status == 0, (trained, judged)
    record = read_run(tmp_path / "run")
    again = open_dataset(photos, record.labels, record.folder_map)
    assert record.labels == ("edged", "round")
    assert record.dataset_fingerprint == fingerprint(again)
    assert json.loads(judged.out.splitlines()[-1])["n"] == len(again.split("test"))
