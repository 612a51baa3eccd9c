"""What each mistake costs, from a TOML file: one table a class that an item may be, one line an answer to it.

    [hazardous]
    kitchen = 10    # a battery on the compost is ten times as bad as an ordinary mistake
    other = 0.5

What is not said costs ORDINARY; the right answer costs nothing.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.errors import UsageError
from train.settings import Costs

ORDINARY = 1.0


def open_costs(path: Path, labels: Sequence[str]) -> Costs:
    """Costs in the order of `labels`. Raises UsageError for a file that can't be read or says something else."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: expected a TOML file of costs, found {error}") from error
    _check_names(str(path), tables, labels)
    for truth, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {truth}: expected a table [{truth}] of costs, found {table!r}")
        _check_names(f"{path}: {truth}", table, labels)
    return tuple(tuple(_cost(path, tables, truth, answer) for answer in labels) for truth in labels)


def _check_names(where: str, names: Mapping[str, Any], labels: Sequence[str]) -> None:
    if strange := sorted(set(names) - set(labels)):
        raise UsageError(f"{where}: expected classes of {list(labels)}, found {strange[0]!r}")


def _cost(path: Path, tables: Mapping[str, Mapping[str, Any]], truth: str, answer: str) -> float:
    cost = tables.get(truth, {}).get(answer, 0.0 if truth == answer else ORDINARY)
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < float("inf"):
        raise UsageError(f"{path}: {truth}.{answer}: expected a cost of 0 or more, found {cost!r}")
    if truth == answer and cost:
        raise UsageError(f"{path}: {truth}.{answer}: expected the right answer to cost nothing, found {cost!r}")
    return float(cost)
