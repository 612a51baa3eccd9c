"""What `inspect` shows of a bundle."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., subprocess.CompletedProcess[str]]
BAD = 78


def test_everything_that_a_bundle_says_of_itself_is_shown(exported: Path, export_command: Command) -> None:
    """Identity, labels, input, origin, tools, photos, calibration, signature, and each variant with its parity."""
    done = export_command("inspect", exported)

    told = " ".join(done.stdout.split())
    assert done.returncode == 0
    for part in (
        "blots-7, version 7, made 2026-01-02T03:04:05Z",
        "labels blue, green, red",
        "input 32 x 32 RGB uint8",
        "judged on 36 test photos",
        "calibrated 31 photos, ",
        "signature none",
        "onnxruntime",
        "model-fp32.onnx",
        "model-int8.onnx",
    ):
        assert part in told, part
    assert max(map(len, done.stdout[done.stdout.index("variant ") :].splitlines())) <= 80


def test_a_signature_is_said_to_be_there_and_not_more(tmp_path: Path, exported: Path, export_command: Command) -> None:
    """Without a key nobody can say whose it is."""
    copy = tmp_path / "copy.bundle"
    copy.write_bytes(exported.read_bytes())
    export_command("keygen", tmp_path / "key")
    export_command("sign", copy, "--key", tmp_path / "key")

    done = export_command("inspect", copy)

    assert "there, not checked; check it with verify --key" in done.stdout


def test_the_json_line_holds_manifest_and_parity(exported: Path, export_command: Command) -> None:
    """The last line is one object for machines."""
    done = export_command("inspect", exported, "--json")

    told = json.loads(done.stdout.splitlines()[-1])

    assert told["manifest"]["id"] == "blots-7"
    assert {model["file"] for model in told["parity"]["models"]} == {"model-fp32.onnx", "model-int8.onnx"}


def test_a_damaged_bundle_is_not_shown(tmp_path: Path, export_command: Command) -> None:
    """What does not hold together has nothing to say."""
    (tmp_path / "x.bundle").write_bytes(b"no bundle")

    done = export_command("inspect", tmp_path / "x.bundle")

    assert done.returncode == BAD
    assert done.stdout == ""
    assert "expected a bundle (a stored zip), found b'no bundl'" in done.stderr
