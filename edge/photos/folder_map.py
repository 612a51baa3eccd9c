"""A map from the folders of somebody else's dataset to classes and subclasses."""

from fnmatch import fnmatchcase
from pathlib import Path, PurePath

import msgspec

from edge.errors import DatasetError

BENEATH = "*"
"""As a subclass: the name of the folder beneath the one that matched, or for a whole path of the photo's own."""


class FolderMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which class each photo of a dataset belongs to, by where it lies; upper and lower case are the same.

    A pattern is the name of a folder at any depth, or a glob over the photo's path below the dataset.
    """

    folders: dict[str, str]
    """Pattern -> "class", "class/subclass", or "class/*" for the folders beneath; the first that matches counts."""
    ignore: tuple[str, ...] = ()
    """Patterns of photos to leave out; they go before `folders`."""

    def __post_init__(self) -> None:
        """Raise ValueError for a target that names no class."""
        for pattern, target in self.folders.items():
            if not all(target.split("/")) or target.count("/") > 1 or target.startswith(BENEATH):
                raise ValueError(f'{pattern}: expected "class", "class/subclass" or "class/*", found {target!r}')

    def ignores(self, inside: PurePath) -> bool:
        """Whether the photo at `inside`, a path below the dataset, is left out."""
        return any(_matched(pattern, inside) is not None for pattern in self.ignore)

    def place(self, inside: PurePath) -> tuple[str, str] | None:
        """Class and subclass of the photo at `inside`, a path below the dataset; None when no pattern matches."""
        for pattern, target in self.folders.items():
            if (depth := _matched(pattern, inside)) is not None:
                label, _, subclass = target.partition("/")
                return label, _beneath(inside, depth) if subclass == BENEATH else subclass
        return None


def read_folder_map(path: Path) -> FolderMap:
    """Read a map from a TOML file. Raises DatasetError naming file, key and what was expected."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=FolderMap)
    except OSError as error:
        raise DatasetError(f"{path}: expected a map of folders, found {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected a map of folders, found: {error}") from error


def _matched(pattern: str, inside: PurePath) -> int | None:
    """How deep the folder lies that matches; for the whole path the last but one; None without a match."""
    wanted = pattern.lower()
    folders = inside.parts[:-1]
    for depth, name in enumerate(folders):
        if fnmatchcase(name.lower(), wanted):
            return depth
    return len(folders) - 2 if fnmatchcase(inside.as_posix().lower(), wanted) else None


def _beneath(inside: PurePath, depth: int) -> str:
    folders = inside.parts[:-1]
    return "".join(folders[depth + 1 : depth + 2])
