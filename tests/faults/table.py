"""The table that short and long form print."""

from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """One row: what was done, what is promised, what came of it."""

    fault: str
    promise: str
    measured: str
    ok: bool | None
    """None: could not be done here, `measured` says why."""


def table(figures: Iterable[Figure]) -> str:
    """As Markdown."""
    rows = [("fault", "figure", "measured", "ok"), ("---",) * 4]
    words = {True: "yes", False: "NO", None: "skipped"}
    rows += [(figure.fault, figure.promise, figure.measured, words[figure.ok]) for figure in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
