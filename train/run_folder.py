"""RUN, whole or not at all: everything is written beside it first and renamed at the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import RunError

REPORT_FILE, PAGE_FILE, METRICS_FILE = "report.json", "report.html", "metrics.csv"


def check_free(out: Path) -> None:
    """Raise RunError when a run cannot be written to `out`; cheap, so ask before hours of work."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out}: expected no such folder or an empty one, found something; choose another --out")
    place = next(folder for folder in out.absolute().parents if folder.exists())
    if not os.access(place, os.W_OK):
        raise RunError(f"{out}: expected a place to write to, found {str(place)!r} read-only")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside `out` that becomes `out` when the block ends well, else disappears."""
    check_free(out)
    partial = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(out)
    except OSError as error:
        raise RunError(f"{out}: expected a place to write the run to, found {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
