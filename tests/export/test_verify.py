"""The gate, repeated on the machine at hand."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import numpy_helper

from edge.bundle.bundle import GOLDEN, Bundle, encode_golden, open_bundle, sha256, write_bundle
from edge.bundle.manifest import Variant
from edge.engine.onnx_cpu import OnnxCpu

Command = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
REFUSED, USAGE, UNAVAILABLE, BAD = 1, 2, 69, 78
INT8 = "model-int8.onnx"
DEVICE_ONLY = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"keras", "tensorflow", "onnx", "tf2onnx", "sklearn", "matplotlib", "nncf"}:
            raise ModuleNotFoundError(f"{name} is not installed on a device")

sys.meta_path.insert(0, Absent())
sys.argv = ["export", *sys.argv[1:]]
from export.__main__ import main
main()
"""


def test_a_device_repeats_the_gate_without_keras(exported: Path, photos: Path) -> None:
    """With what a device has installed, every variant passes the limits of the export, on the photos of the export."""
    words = [sys.executable, "-c", DEVICE_ONLY, "verify", str(exported), "--dataset", str(photos), "--json"]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["passed"], told["same_photos"], told["failures"]) == (True, True, [])
    assert [golden["passed"] for golden in told["golden"]] == [True, True]


def test_photos_in_other_folders_are_led_to_their_classes_by_a_map(
    exported: Path, photos: Path, export_command: Command, tmp_path: Path
) -> None:
    """The very photos of the export, so that the gate itself is repeated."""
    renamed, file = tmp_path / "renamed", tmp_path / "map.toml"
    shutil.copytree(photos, renamed)
    for folder in sorted(renamed.iterdir()):
        folder.rename(renamed / f"all-{folder.name}")
    file.write_text("[folders]\n" + "".join(f'all-{path.name} = "{path.name}"\n' for path in photos.iterdir()), "utf-8")

    plain = export_command("verify", exported, "--dataset", renamed)
    led = export_command("verify", exported, "--dataset", renamed, "--map", file, "--json")

    assert plain.returncode == USAGE
    told = json.loads(led.stdout.splitlines()[-1])
    assert (led.returncode, told["same_photos"], told["failures"]) == (0, True, [])


def test_on_the_same_machine_it_finds_what_the_export_found(
    exported: Path, photos: Path, export_command: Command
) -> None:
    """Figures, intervals and limits are those of parity.json, to its last digit."""
    done = export_command("verify", exported, "--dataset", photos, "--json")

    here = json.loads(done.stdout.splitlines()[-1])["models"]
    recorded = json.loads(open_bundle(exported).members["parity.json"])["models"]
    assert [model["file"] for model in here] == [model["file"] for model in recorded]
    for one, other in zip(here, recorded, strict=True):
        assert one["figures"] == pytest.approx(other["figures"], abs=1e-5)
        assert one["checks"] == other["checks"]
        for name, interval in one["intervals"].items():
            assert interval == pytest.approx(other["intervals"][name], abs=1e-5), name


def test_photos_may_lie_elsewhere_under_other_names(
    tmp_path: Path, exported: Path, photos: Path, export_command: Command
) -> None:
    """They are known by their content."""
    for folder in photos.iterdir():
        for number, photo in enumerate(sorted(folder.iterdir(), reverse=True)):
            target = tmp_path / "elsewhere" / folder.name / f"renamed-{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, target)

    done = export_command("verify", exported, "--dataset", tmp_path / "elsewhere", "--json")

    assert json.loads(done.stdout.splitlines()[-1])["same_photos"] is True
    assert done.returncode == 0


def test_a_model_that_decides_otherwise_is_refused_with_the_table(
    tmp_path: Path, exported: Path, photos: Path, export_command: Command
) -> None:
    """Sound hashes and golden inputs of its own do not help a model that is another one: exit 1, rows marked."""
    other = _with_model(open_bundle(exported), _with_classes_exchanged, tmp_path / "other.bundle")

    done = export_command("verify", other, "--dataset", photos, "--json")

    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == REFUSED
    assert "FAILS" in done.stdout
    assert told["passed"] is False
    assert "model-fp32.onnx: agreement" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("this machine does not decide as the bundle promises")


def test_golden_inputs_that_differ_are_refused(tmp_path: Path, exported: Path, export_command: Command) -> None:
    """Also without any photos: this processor computes something else."""
    bundle = open_bundle(exported)
    inputs = bundle.golden(bundle.variant("fp32")).inputs
    wrong = np.full((len(inputs), 3), 1 / 3, np.float32)
    golden = encode_golden(inputs, {INT8: wrong, "model-fp32.onnx": bundle.golden(bundle.variant("fp32")).expected})
    path = tmp_path / "wrong.bundle"
    parts = {name: content for name, content in bundle.members.items() if name != "manifest.json"}
    write_bundle(path, replace(bundle.manifest, golden_sha256=sha256(golden)), {**parts, GOLDEN: golden})

    done = export_command("verify", path)

    assert done.returncode == REFUSED
    assert f"BAD  {INT8}" in done.stdout
    assert "golden inputs differ by" in done.stderr


def test_other_photos_are_compared_by_their_figures(
    tmp_path: Path, exported: Path, photos: Path, export_command: Command
) -> None:
    """Half of the photos: nothing to pair with, so accuracy and recalls must lie within each other's intervals."""
    _some_photos(photos, tmp_path / "half")

    done = export_command("verify", exported, "--dataset", tmp_path / "half", "--json")

    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert told["same_photos"] is False
    assert {line["figure"] for line in told["compared"]} == {
        "accuracy",
        "macro_f1",
        *(f"recall.{label}" for label in ("blue", "green", "red")),
    }
    assert "not the test photos of the export; comparing figures instead of decisions" in done.stderr


def test_other_photos_on_which_it_is_worse_are_refused(
    tmp_path: Path, exported: Path, photos: Path, export_command: Command
) -> None:
    """Photos whose classes are mixed up: accuracy far outside of the recorded interval, exit 1."""
    _some_photos(photos, tmp_path / "mixed", turn=1)

    done = export_command("verify", exported, "--dataset", tmp_path / "mixed")

    assert done.returncode == REFUSED
    assert "FAILS" in done.stdout
    assert "accuracy 0.0000, recorded 1.0000" in done.stderr


def test_a_variant_that_cannot_run_here_is_skipped_and_said(
    tmp_path: Path, exported: Path, export_command: Command
) -> None:
    """No CUDA: the others are verified. Where nothing can run, that is an error of its own."""
    some, none = tmp_path / "some.bundle", tmp_path / "none.bundle"
    _for_cuda(open_bundle(exported), some, {INT8})
    _for_cuda(open_bundle(exported), none, {INT8, "model-fp32.onnx"})

    first, second = (export_command("verify", path) for path in (some, none))

    assert (first.returncode, second.returncode) == (0, UNAVAILABLE)
    assert f"--   {INT8}" in first.stdout
    assert "skipped: expected CUDAExecutionProvider" in first.stdout
    assert "expected a variant that this machine can run, found none" in second.stderr


def test_a_bundle_without_answers_is_verified_on_no_photos(
    exported: Path, photos: Path, export_command: Command, tmp_path: Path
) -> None:
    """Of an export before parity.json kept them: nothing to repeat the gate against, which is no success."""
    bundle = open_bundle(exported)
    parts = {name: content for name, content in bundle.members.items() if name != "manifest.json"}
    path = tmp_path / "older.bundle"
    write_bundle(path, replace(bundle.manifest, parity_sha256=sha256(b"{}\n")), {**parts, "parity.json": b"{}\n"})

    alone, on_photos = export_command("verify", path), export_command("verify", path, "--dataset", photos)

    assert (alone.returncode, on_photos.returncode) == (0, BAD)
    assert "expected the trained network's answers" in on_photos.stderr
    assert "export the bundle again" in on_photos.stderr


def _with_model(bundle: Bundle, change: Callable[[Any], None], target: Path) -> Path:
    """The float32 model changed, its golden answers and all hashes made to fit."""
    model = onnx.load_from_string(bundle.members["model-fp32.onnx"])
    change(model)
    content: bytes = model.SerializeToString()
    inputs = bundle.golden(bundle.variant("fp32")).inputs
    classify = OnnxCpu(content)
    answers = np.concatenate([classify(inputs[i : i + 1]) for i in range(len(inputs))])
    golden = encode_golden(inputs, {INT8: bundle.golden(bundle.variant("int8")).expected, "model-fp32.onnx": answers})
    variants = tuple(
        replace(v, sha256=sha256(content), bytes=len(content)) if v.precision == "fp32" else v
        for v in bundle.manifest.variants
    )
    parts = {name: content for name, content in bundle.members.items() if name != "manifest.json"}
    manifest = replace(bundle.manifest, variants=variants, golden_sha256=sha256(golden))
    write_bundle(target, manifest, {**parts, GOLDEN: golden, "model-fp32.onnx": content})
    return target


def _with_classes_exchanged(model: Any) -> None:
    """The head's weights, one class further."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape[-1:] == (3,) and values.ndim in {1, 2} and values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(np.roll(values, 1, axis=-1), tensor.name))


def _for_cuda(bundle: Bundle, target: Path, files: set[str]) -> None:
    variants: tuple[Variant, ...] = tuple(
        replace(variant, provider="cuda") if variant.file in files else variant for variant in bundle.manifest.variants
    )
    parts = {name: content for name, content in bundle.members.items() if name != "manifest.json"}
    write_bundle(target, replace(bundle.manifest, variants=variants), parts)


def _some_photos(photos: Path, target: Path, turn: int = 0) -> None:
    """Every second photo, each class under the name of the one that is `turn` further."""
    folders = sorted(photos.iterdir())
    for index, folder in enumerate(folders):
        (target / folders[(index + turn) % len(folders)].name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[::2]:
            shutil.copy(photo, target / folders[(index + turn) % len(folders)].name / photo.name)
