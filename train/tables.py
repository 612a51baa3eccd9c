"""Verdicts as tables for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from train.compare import Comparison
from train.machine import Examination
from train.report import Report


def print_report(report: Report) -> None:
    """The paper's table 1, with 95 % intervals of recall."""
    sure = report.intervals
    title = f"accuracy {report.accuracy:.4f} ({sure.accuracy.low:.3f} to {sure.accuracy.high:.3f})"
    table = Table("class", "precision", "recall", "95 %", "F1", "photos", title=title)
    rows = {**report.per_class, "macro": report.macro, "weighted": report.weighted}
    intervals = {**sure.per_class, "macro": sure.macro, "weighted": sure.weighted}
    for name, row in rows.items():
        recall = intervals[name].recall
        span = f"{recall.low:.3f} to {recall.high:.3f}"
        table.add_row(name, f"{row.precision:.3f}", f"{row.recall:.3f}", span, f"{row.f1:.3f}", str(row.n))
    Console().print(table)


def print_comparison(comparison: Comparison) -> None:
    """Both models beside each other, and the verdict."""
    table = Table("", "A", "B", title=f"{comparison.verdict} (p = {comparison.p_value:.4g}, {comparison.n} photos)")
    table.add_row("accuracy", f"{comparison.a.accuracy:.4f}", f"{comparison.b.accuracy:.4f}")
    table.add_row("macro F1", f"{comparison.a.macro_f1:.4f}", f"{comparison.b.macro_f1:.4f}")
    table.add_row("right alone", str(comparison.only_a_right), str(comparison.only_b_right))
    Console().print(table)


def print_examination(found: Examination, advice: Sequence[str]) -> None:
    """What computes, and what to do."""
    table = Table("part", "found", show_header=False)
    table.add_row("system", f"{found.system}, Python {found.python}{', in a container' if found.container else ''}")
    table.add_row("backend", f"{found.backend} {found.backend_version} {found.build and f'(built for {found.build})'}")
    table.add_row("driver", found.driver or "none")
    for gpu in found.gpus:
        table.add_row("GPU", f"{gpu.name}, {gpu.free_mib} of {gpu.memory_mib} MiB free")
    table.add_row("used", ", ".join(found.backend_gpus) or "the CPU")
    for text in advice:
        table.add_row("to do", text)
    Console().print(table)
