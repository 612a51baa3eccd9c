"""`RUN/run.json`: what a training run says about itself, and all that export knows of it besides the model."""

from pathlib import Path

import msgspec

from edge.errors import RunError
from edge.photos.folder_map import FolderMap

RUN_FILE = "run.json"
MODEL_FILE = "model.keras"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finished training run."""

    format: int = 1
    labels: tuple[str, ...]
    """In the order of the model's outputs."""
    size: int
    """Side of the model's square input, in pixels."""
    dataset: str
    """Absolute path of the dataset that was trained on."""
    folder_map: FolderMap | None = None
    """How the folders of `dataset` became classes; None when they are the classes."""
    extra: tuple[str, ...] = ()
    """Absolute paths of the further datasets whose photos joined the training split."""
    dataset_fingerprint: str
    """`edge.photos.dataset.fingerprint` of `dataset`."""
    temperature: float = 1.0
    """Divides the logits before softmax; 1 when not calibrated."""
    settings: dict[str, str | int | float | bool | None]
    tools: dict[str, str]
    """Package name -> version, with the backend and device."""
    model_sha256: str
    finished: str
    """ISO 8601 UTC."""


def write_run(folder: Path, record: RunRecord) -> None:
    """Write `record` into the run folder."""
    (folder / RUN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def read_run(folder: Path) -> RunRecord:
    """Read the record of a run folder. Raises RunError when it is missing or not one of ours."""
    path = folder / RUN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except OSError as error:
        raise RunError(f"{path}: expected the record of a training run, found {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: expected the record of a training run, found {error}") from error
