import csv
import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import pytest

from edge.errors import UsageError
from edge.photos.dataset import open_dataset
from edge.sim.dataset import write_dataset
from edge.sim.items import CATALOGUE


def test_a_dataset_opens_with_balanced_classes_and_its_own_split(tmp_path: Path) -> None:
    """What the generator writes is a dataset as training reads it: balanced classes, both splits, honest hashes."""
    out = tmp_path / "rendered"

    written = write_dataset(out, per_class=20, seed=1, size=64, test_share=0.3, workers=1)

    dataset = open_dataset(out)
    assert written == len(dataset.photos) == 20 * len(CATALOGUE)
    assert dataset.labels == tuple(CATALOGUE)
    assert Counter(photo.label for photo in dataset.photos) == dict.fromkeys(CATALOGUE, 20)
    assert 0.15 < len(dataset.split("test")) / written < 0.35
    rows = list(csv.DictReader((out / "manifest.csv").read_text(encoding="utf-8").splitlines()))
    columns = "path class subclass split group source licence sha256 width height"
    assert list(rows[0]) == columns.split()
    for row in rows:
        content = (out / row["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert cv2.imread(str(out / row["path"])).shape == (64, 64, 3)


def test_the_same_seed_writes_the_same_pictures_with_any_number_of_workers(tmp_path: Path) -> None:
    """The manifest with its hashes depends on the seed, not on how the work was shared out."""
    for name, seed, workers in (("one", 5, 1), ("two", 5, 2), ("other", 6, 1)):
        write_dataset(tmp_path / name, per_class=8, seed=seed, size=48, test_share=0.3, workers=workers)

    one, two, other = ((tmp_path / name / "manifest.csv").read_bytes() for name in ("one", "two", "other"))

    assert one == two
    assert one != other


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The command names the folder in one line, exits 2 and touches nothing."""
    out = tmp_path / "mine"
    out.mkdir()
    (out / "photo.jpg").write_bytes(b"precious")

    command = [sys.executable, "-m", "edge", "sim", "dataset", str(out), "--per-class", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(out) in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "photo.jpg"]
    with pytest.raises(UsageError, match="expected a new or empty folder"):
        write_dataset(out, per_class=1, seed=0, size=32, test_share=0.3, workers=1)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the work fails half-way, neither the dataset nor its temporary folder stays."""
    left = 3

    def disk_full(*_: object) -> tuple[bool, None]:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(28, "No space left on device")
        return real(*_)

    real = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", disk_full)

    with pytest.raises(OSError, match="No space left"):
        write_dataset(tmp_path / "rendered", per_class=4, seed=0, size=48, test_share=0.3, workers=1)

    assert list(tmp_path.iterdir()) == []
