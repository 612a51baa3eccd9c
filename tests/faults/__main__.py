"""`python -m tests.faults`: every fault of the table at its full size, or at a part of it; `make faults`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.rows import ROWS
from tests.faults.table import Figure, table


def main() -> None:
    """Print each row when it is done and the whole table at the end; exit status 1 when one fails."""
    arguments = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    arguments.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="only these")
    arguments.add_argument("--short", action="store_true", help="as in make test")
    arguments.add_argument("--scale", type=float, default=1.0, help="of the long form's counts, such as 0.1")
    arguments.add_argument("--folder", type=Path, help="on the disk in question; default: where temporary files lie")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="sortline-faults-") as parent:
        figures = [figure for name in options.rows for figure in _run(name, Path(parent) / name, options)]
    print(f"\n{table(figures)}", flush=True)
    sys.exit(any(figure.ok is False for figure in figures))


def _run(name: str, folder: Path, options: argparse.Namespace) -> list[Figure]:
    folder.mkdir()
    began_s = time.monotonic()
    figures = ROWS[name].run(folder, long=not options.short, scale=options.scale)
    print(f"{name}, {time.monotonic() - began_s:.0f} s", *figures, sep="\n  ", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    main()
