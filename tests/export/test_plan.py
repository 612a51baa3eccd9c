"""What an order is checked for before the slow work begins."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.errors import DatasetError
from edge.photos.folder_map import FolderMap
from export.parity import Limits
from export.plan import Order, make_plan


@pytest.fixture
def order(run_folder: Path) -> Order:
    """A good order for the fitted run."""
    limits = Limits(max_drop=0.005, min_agreement=0.98)
    return Order(run_folder, ("int8",), (), None, None, 1, 30, 0, limits)


def test_the_bundle_is_called_after_the_dataset_and_lies_in_the_run(order: Order, run_folder: Path) -> None:
    """Without --name and --out the dataset names the bundle and the run holds it."""
    plain = order

    plan = make_plan(plain)

    assert plan.identity.name == "blots"
    assert plan.target == run_folder / "blots.bundle"


def test_the_run_and_its_model_file_are_the_same_order(order: Order, run_folder: Path) -> None:
    """RUN/model.keras means RUN."""
    by_file = replace(order, run=run_folder / "model.keras")

    plan = make_plan(by_file)

    assert plan.run == make_plan(order).run


def test_calibration_and_test_photos_are_apart(order: Order) -> None:
    """No photo is both calibrated on and judged on."""
    plan = make_plan(order)

    both = {photo.path for photo in plan.calibration} & {photo.path for photo in plan.test}

    assert plan.calibration
    assert plan.test
    assert not both


def test_photos_that_were_not_trained_on_are_announced(
    tmp_path: Path, order: Order, make_run: Callable[..., Path], network: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Judging on another dataset or split than the run's is allowed and said aloud."""
    run = make_run(tmp_path / "run", network, dataset_fingerprint="0" * 64)

    plan = make_plan(replace(order, run=run))

    assert "not the photos and split that this run was trained on" in capsys.readouterr().err
    assert plan.identity.fingerprint != "0" * 64


def test_the_folder_map_of_the_run_tells_its_photos_apart(
    tmp_path: Path, order: Order, make_run: Callable[..., Path], network: Any, photos: Path
) -> None:
    """A run on folders with names of their own is judged on them without being told the map again."""
    foreign, names = tmp_path / "foreign", {"blue": "sky", "green": "grass", "red": "rose"}
    shutil.copytree(photos, foreign)
    for label, name in names.items():
        (foreign / label).rename(foreign / name)
    folder_map = FolderMap({name: label for label, name in names.items()})
    run = make_run(tmp_path / "run", network, dataset=str(foreign), folder_map=folder_map)

    plan = make_plan(replace(order, run=run))

    plain = make_plan(order)
    assert [photo.label for photo in plan.test] == [photo.label for photo in plain.test]
    assert {photo.path.parent.name for photo in plan.calibration} == set(names.values())


def test_further_datasets_of_the_run_are_calibrated_on(
    tmp_path: Path, order: Order, make_run: Callable[..., Path], network: Any, photos: Path
) -> None:
    """Photos that joined the training join the calibration; the judgement stays with the run's own dataset."""
    further = tmp_path / "further"
    for folder in photos.iterdir():
        (further / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:20]:
            (further / folder.name / photo.name).write_bytes(photo.read_bytes())
    run = make_run(tmp_path / "run", network, extra=(str(further),))

    plan = make_plan(replace(order, run=run, calibration=90))

    roots = {photo.path.parents[1] for photo in plan.calibration}
    assert roots == {photos, further}
    assert {photo.path.parents[1] for photo in plan.test} == {photos}


def test_a_dataset_without_test_photos_cannot_judge(tmp_path: Path, order: Order, photos: Path) -> None:
    """A manifest that keeps nothing for the test is refused."""
    root = tmp_path / "photos"
    rows = ["path,class,subclass,split"]
    for folder in sorted(photos.iterdir()):
        (root / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:12]:
            (root / folder.name / photo.name).write_bytes(photo.read_bytes())
            rows.append(f"{folder.name}/{photo.name},{folder.name},,train")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")

    with pytest.raises(DatasetError, match="expected test photos to judge on") as caught:
        make_plan(replace(order, datasets=(root,)))

    assert str(root) in str(caught.value)
