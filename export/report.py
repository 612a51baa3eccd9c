"""Prints the parity of every variant as a table for people, failing rows marked."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from export.parity import Parity

REFERENCE = "trained"
"""The Keras network itself."""


def print_parity(accuracy: float, recall: Mapping[str, float], rows: Sequence[Parity]) -> None:
    """Print `rows` below the trained network's own `accuracy` and `recall` per class."""
    console = Console(highlight=False)
    console.print(_figures(accuracy, rows))
    console.print(_recalls(recall, rows))
    for row in rows:
        for failure in row.failures:
            console.print(f"[red]FAILS[/red] {row.file}: {failure}")


def _figures(accuracy: float, rows: Sequence[Parity]) -> Table:
    table = Table(Column("model", no_wrap=True), "accuracy", "drop", "agreement", "mean |dp|", "max |dp|", "gate")
    table.add_row(REFERENCE, f"{accuracy:.4f}", "", "", "", "", "")
    for row in rows:
        figures = (row.accuracy, row.accuracy_drop, row.agreement)
        verdict = "[red]FAILS[/red]" if row.failures else "passes"
        table.add_row(
            row.file,
            *(f"{figure:.4f}" for figure in figures),
            f"{row.mean_abs_dp:.2g}",
            f"{row.max_abs_dp:.2g}",
            verdict,
        )
    return table


def _recalls(recall: Mapping[str, float], rows: Sequence[Parity]) -> Table:
    table = Table(Column("recall", no_wrap=True), REFERENCE, *(row.file for row in rows))
    for label, reference in recall.items():
        table.add_row(label, f"{reference:.4f}", *(f"{row.recall[label]:.4f}" for row in rows))
    return table
