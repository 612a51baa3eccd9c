import subprocess
import sys
from pathlib import Path

import msgspec

SHIPPED = Path(__file__).parents[2] / "deploy" / "bundles" / "waste4.bundle"
CLASSES = {"kitchen", "recyclable", "other", "hazardous"}


def test_eval_judges_the_shipped_bundle_with_or_without_a_manifest(tmp_path: Path) -> None:
    """`train eval BUNDLE DATASET` gives figures per class, whether there is a manifest or not."""
    photos = tmp_path / "rendered"
    run("edge", "sim", "dataset", str(photos), "--per-class", "14", "--seed", "5")

    with_manifest = evaluate(photos)
    (photos / "manifest.csv").unlink()
    without = evaluate(photos)

    assert with_manifest["n"] == 56
    assert with_manifest["accuracy"] > 0.75
    assert set(with_manifest["per_class"]) == CLASSES
    assert {row["n"] for row in with_manifest["per_class"].values()} == {14}
    assert without == with_manifest


def evaluate(photos: Path) -> dict[str, object]:
    """What `train eval --json` says of all photos."""
    said = run("train", "eval", str(SHIPPED), str(photos), "--split", "all", "--json")
    return msgspec.json.decode(said.splitlines()[-1])


def run(*command: str) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, text=True)
    return done.stdout
