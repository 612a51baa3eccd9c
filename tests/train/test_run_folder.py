"""RUN is there from the start, and is a trained model only at the very end."""

import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.errors import RunError
from edge.runfile import RUN_FILE, RunRecord, read_run
from train.interruption import Interrupted
from train.run_folder import PLAN_FILE, Plan, check_free, finish, open_run

PLAN = Plan({"lr": 0.001, "seed": 0}, photos="f00d", backend="tensorflow", precision="float32", tools={})
RECORD = RunRecord(
    labels=("a", "b"),
    size=32,
    dataset="/photos",
    dataset_fingerprint="f00d",
    settings={},
    tools={},
    model_sha256="",
    finished="2026-01-01T00:00:00+00:00",
)


def _break_off(out: Path, end: BaseException, *, resume: bool = False) -> None:
    with open_run(out, PLAN, resume=resume) as folder:
        (folder / "checkpoint.npz").write_text("x")
        raise end


def _complete(out: Path, *, resume: bool = False) -> None:
    with open_run(out, PLAN, resume=resume) as folder:
        (folder / "model.keras").write_text("x")
        (folder / "report.json").write_text("x")
        finish(folder, RECORD)


def test_a_finished_run_has_no_traces_of_the_way(tmp_path: Path) -> None:
    """Also in parents that did not exist, and after it was broken off."""
    out = tmp_path / "runs" / "first"
    with pytest.raises(ValueError, match="x"):
        _break_off(out, ValueError("x"))

    _complete(out, resume=True)

    assert sorted(path.name for path in out.iterdir()) == ["model.keras", "report.json", "run.json"]
    assert read_run(out) == RECORD


def test_a_failed_run_stays_and_is_no_trained_model(tmp_path: Path) -> None:
    """Export finds no record; training says how to go on."""
    with pytest.raises(ValueError, match="x"):
        _break_off(tmp_path / "run", ValueError("x"))

    with pytest.raises(RunError, match=RUN_FILE):
        read_run(tmp_path / "run")
    with pytest.raises(RunError, match="found an unfinished run; go on with --resume"):
        check_free(tmp_path / "run")
    check_free(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("end", "status"), [(KeyboardInterrupt(), 130), (SystemExit(128 + signal.SIGTERM), 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interruption_says_how_to_go_on(tmp_path: Path, end: BaseException, status: int) -> None:
    """Wherever it comes, with a shell's exit status."""
    with pytest.raises(Interrupted, match="--resume goes on") as interrupted:
        _break_off(tmp_path / "run", end)

    assert interrupted.value.exit_status == status


def test_an_older_run_is_never_overwritten(tmp_path: Path) -> None:
    """A folder with anything in it is refused, untouched."""
    (tmp_path / "model").write_text("old")

    with pytest.raises(RunError, match="choose another --out"):
        _complete(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"settings": {"lr": 0.01, "seed": 0}}, "--lr: expected 0.001 as the run began, found 0.01"),
        ({"photos": "beef"}, "expected the photos that the run began with, f00d, found beef"),
        ({"backend": "jax"}, "expected the backend that the run began with, tensorflow, found jax"),
        ({"precision": "mixed_float16"}, "found mixed_float16"),
    ],
)
def test_only_the_same_run_goes_on(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    """One line names what differs; nothing changes."""
    with pytest.raises(ValueError, match="x"):
        _break_off(tmp_path / "run", ValueError("x"))

    other = msgspec.structs.replace(PLAN, **change)
    with pytest.raises(RunError, match=expected), open_run(tmp_path / "run", other, resume=True):
        pytest.fail("the run went on")

    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoint.npz", PLAN_FILE]


def test_other_versions_of_tools_go_on(tmp_path: Path) -> None:
    """A run is not lost to an update."""
    with pytest.raises(ValueError, match="x"):
        _break_off(tmp_path / "run", ValueError("x"))

    other = msgspec.structs.replace(PLAN, tools={"numpy": "3"})
    with open_run(tmp_path / "run", other, resume=True) as folder:
        assert folder == tmp_path / "run"


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    """A slip in --out trains nothing anew, and a finished run is not begun again."""
    with pytest.raises(RunError, match="expected an unfinished run, found nothing"):
        check_free(tmp_path / "run", resume=True)
    _complete(tmp_path / "run")

    with pytest.raises(RunError, match="expected an unfinished run, found a finished one"):
        check_free(tmp_path / "run", resume=True)


def test_two_processes_never_share_a_run(tmp_path: Path) -> None:
    """The second one is refused while the first one has it."""
    with open_run(tmp_path / "run", PLAN), pytest.raises(RunError, match="a process that trains it"):
        _complete(tmp_path / "run", resume=True)
