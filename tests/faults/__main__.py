"""`python -m tests.faults`: every fault of the table at its full size, or at a part of it; `make faults`."""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.faults.kept import Kept, Size
from tests.faults.rows import ROWS, run_row
from tests.faults.table import Figure, table


def main() -> None:
    """Run the rows, keep each one's figures when it is done, print the whole table at the end.

    Rows that bear company run side by side, the others alone after them. Exit status 1 when one fails.
    """
    options = _options()
    kept = Kept(options.kept, Size(long=not options.short, scale=options.scale))
    figures = {name: kept.read(name) if options.resume else [] for name in options.rows}
    open_ = [name for name in options.rows if not figures[name]]
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="sortline-faults-") as parent:
        for alone, lanes in ((False, options.lanes), (True, 1)):
            names = [name for name in open_ if ROWS[name].alone == alone]
            figures.update(_run_all(names, lanes, Path(parent), kept))
    rows = [figure for name in options.rows for figure in figures[name]]
    print(f"\n{table(rows)}", flush=True)
    sys.exit(any(figure.ok is False for figure in rows))


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    arguments.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    arguments.add_argument("--short", action="store_true", help="as in make test")
    arguments.add_argument("--scale", type=float, default=1.0, help="of the long form's counts, such as 0.1")
    arguments.add_argument("--lanes", type=int, default=4, help="rows side by side; each needs half a processor")
    arguments.add_argument("--folder", type=Path, help="on the disk in question; default: where temporary files lie")
    arguments.add_argument("--kept", type=Path, default=Path("build/faults"), help="figures of rows that are done")
    arguments.add_argument("--resume", action="store_true", help="only rows that are not done; the table has all")
    return arguments.parse_args()


def _run_all(names: Iterable[str], lanes: int, parent: Path, kept: Kept) -> Iterator[tuple[str, list[Figure]]]:
    """Each row in a process of its own; one that breaks off fails, and is not kept."""
    with ProcessPoolExecutor(lanes, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running: dict[Future[tuple[list[Figure], float]], str] = {
            pool.submit(run_row, name, parent / name, long=kept.size.long, scale=kept.size.scale): name
            for name in names
        }
        for done in as_completed(running):
            figures, seconds = _result(running[done], done, kept)
            print(f"{running[done]}, {seconds:.0f} s", *figures, sep="\n  ", file=sys.stderr, flush=True)
            yield running[done], figures


def _result(name: str, done: Future[tuple[list[Figure], float]], kept: Kept) -> tuple[list[Figure], float]:
    if error := done.exception():
        return [Figure(name, "runs to its end", f"{type(error).__name__}: {error}", ok=False)], math.nan
    kept.write(name, done.result()[0])
    return done.result()


if __name__ == "__main__":
    main()
