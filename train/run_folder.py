"""RUN: made when training begins, finished when run.json is in it; until then `unfinished.json` says what it will be.

    unfinished.json   settings, photos and tools, which a run that goes on must have too; removed at the end
    checkpoint.npz    where to go on; removed at the end
    metrics.csv       a row an epoch
    run.json          written last, after model.keras, report.json and report.html: without it RUN is no trained model

A run that fails leaves this too, so that it can go on once the cause is gone.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.errors import RunError
from edge.runfile import MODEL_FILE, RUN_FILE, RunRecord, write_run
from train.checkpoint import CHECKPOINT_FILE, replace_file, sync_folder
from train.interruption import Interrupted

REPORT_FILE, PAGE_FILE, METRICS_FILE, PLAN_FILE = "report.json", "report.html", "metrics.csv", "unfinished.json"

Value = str | int | float | bool | None


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What decides a run's result."""

    settings: dict[str, Value]
    photos: str
    """A fingerprint of all photos, extra ones included."""
    backend: str
    precision: str
    """The dtype policy that training resolved to."""
    tools: dict[str, str]
    """For people: a run may go on with other versions, to which it owes its last digits."""


def check_free(out: Path, *, resume: bool = False) -> None:
    """Raise RunError when a run cannot begin, or with `resume` go on, in `out`; cheap, so ask before hours of work."""
    unfinished = (out / PLAN_FILE).is_file()
    if resume and not unfinished:
        raise RunError(f"{out}: --resume: expected an unfinished run, found {_what_is(out)}; leave out --resume")
    if unfinished and not resume:
        raise RunError(f"{out}: expected no such folder or an empty one, found an unfinished run; go on with --resume")
    if not unfinished and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out}: expected no such folder or an empty one, found something; choose another --out")
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not os.access(place, os.W_OK):
        raise RunError(f"{out}: expected a place to write to, found {str(place)!r} read-only")


@contextmanager
def open_run(out: Path, plan: Plan, *, resume: bool = False) -> Iterator[Path]:
    """Make `out` for the run that `plan` describes, or find it again; one process at a time has it.

    Raises RunError for what `check_free` refuses, for another plan than the run began with, and for a full disk.
    """
    check_free(out, resume=resume)
    try:
        if resume:
            _check_same(out, _read_plan(out), plan)
        else:
            out.mkdir(parents=True, exist_ok=True)
            content = msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"
            replace_file(out / PLAN_FILE, lambda file: file.write(content))
        with _alone(out), _interruptible():
            yield out
    except OSError as error:
        raise RunError(f"{out}: expected a place to write the run to, found {error.strerror or error}") from error


def finish(folder: Path, record: RunRecord) -> None:
    """Make a finished run of `folder`, in which the model and the reports lie. Raises OSError."""
    for name in (MODEL_FILE, REPORT_FILE):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
    write_run(folder, record)
    with (folder / RUN_FILE).open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(folder)
    (folder / PLAN_FILE).unlink()
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def _what_is(out: Path) -> str:
    if (out / RUN_FILE).is_file():
        return "a finished one"
    return "something else" if out.exists() else "nothing"


def _read_plan(out: Path) -> Plan:
    try:
        return msgspec.json.decode((out / PLAN_FILE).read_bytes(), type=Plan)
    except msgspec.DecodeError as error:
        raise RunError(f"{out / PLAN_FILE}: expected the plan of a run, found {error}; choose another --out") from error


def _check_same(out: Path, began: Plan, asked: Plan) -> None:
    """Name the first thing that differs."""
    for name, value in asked.settings.items():
        if (before := began.settings.get(name)) != value:
            flag = f"--{name.replace('_', '-')}"
            raise RunError(f"{out}: {flag}: expected {before!r} as the run began, found {value!r}")
    for what, before, now in (
        ("photos", began.photos, asked.photos),
        ("backend", began.backend, asked.backend),
        ("precision", began.precision, asked.precision),
    ):
        if before != now:
            raise RunError(f"{out}: expected the {what} that the run began with, {before}, found {now}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say how to go on also where no step ends: while features are computed, or photos judged."""
    said = "interrupted; the same command with --resume goes on"
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(said, signal.SIGINT) from error
    except SystemExit as end:
        if end.code != 128 + signal.SIGTERM:
            raise
        raise Interrupted(said, signal.SIGTERM) from end


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    with (out / PLAN_FILE).open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{out}: expected nobody else in this run, found a process that trains it") from error
        yield
