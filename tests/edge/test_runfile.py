from pathlib import Path

import msgspec
import pytest

from edge.errors import RunError
from edge.photos.folder_map import FolderMap
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


def test_a_record_keeps_the_map_of_its_dataset(tmp_path: Path) -> None:
    """Export needs no file beside it; a record without one, as older runs wrote it, still is read."""
    record = msgspec.structs.replace(RECORD, folder_map=FolderMap(folders={"b*": "x/y"}, ignore=("old",)))
    write_run(tmp_path, record)
    (tmp_path / "older").mkdir()
    older = msgspec.to_builtins(RECORD)
    del older["folder_map"]
    (tmp_path / "older" / RUN_FILE).write_bytes(msgspec.json.encode(older))

    assert read_run(tmp_path) == record
    assert read_run(tmp_path / "older") == RECORD


@pytest.mark.parametrize("content", [b"", b"{}", b'{"labels": 3}', b"\xff"])
def test_another_record_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged or foreign record is named, as is a folder without one."""
    with pytest.raises(RunError, match="expected the record of a training run, found No such file"):
        read_run(tmp_path)
    (tmp_path / RUN_FILE).write_bytes(content)

    with pytest.raises(RunError, match=r"run\.json: expected the record of a training run, found"):
        read_run(tmp_path)
