"""Maps from folders to classes: ready ones for well-known public datasets, and the user's own."""

from pathlib import Path

from edge.errors import DatasetError
from edge.photos.folder_map import FolderMap, read_folder_map

READY = Path(__file__).parent / "ready_maps"


def open_map(name: str) -> FolderMap | None:
    """The map in the TOML file `name`, or the ready one of that name; None for "".

    Raises DatasetError for a name of neither, or a file that is no map.
    """
    if not name:
        return None
    if name in ready_names():
        return read_folder_map(READY / f"{name}.toml")
    if not (path := Path(name)).is_file():
        raise DatasetError(f"--map: expected a TOML file or one of {', '.join(ready_names())}, found {name!r}")
    return read_folder_map(path)


def ready_names() -> list[str]:
    """What can be named without a file."""
    return sorted(path.stem for path in READY.glob("*.toml"))
