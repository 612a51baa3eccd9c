from pathlib import Path

import pytest

from edge.errors import RunError
from edge.runfile import RUN_FILE, RunRecord, read_run, write_run

RECORD = RunRecord(
    labels=("a", "b"),
    size=32,
    dataset="/photos",
    dataset_fingerprint="f",
    settings={"epochs": 3, "weights": None},
    tools={"keras": "3"},
    model_sha256="0",
    finished="2026-01-02T03:04:05Z",
)


def test_what_a_run_recorded_is_read(tmp_path: Path) -> None:
    """Training writes, export reads the same."""
    write_run(tmp_path, RECORD)

    assert read_run(tmp_path) == RECORD


@pytest.mark.parametrize("content", [b"", b"{}", b'{"labels": 3}', b"\xff"])
def test_another_record_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged or foreign record is named, as is a folder without one."""
    with pytest.raises(RunError, match="expected the record of a training run, found No such file"):
        read_run(tmp_path)
    (tmp_path / RUN_FILE).write_bytes(content)

    with pytest.raises(RunError, match=r"run\.json: expected the record of a training run, found"):
        read_run(tmp_path)
