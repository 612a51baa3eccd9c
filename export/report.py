"""Prints the gate and the speed as tables for people, 80 columns wide, failing rows marked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from export.latency import Speed, slow_int8
from export.parity import Check, Parity, figure_words
from export.statistics import Interval

REFERENCE = "trained"
"""The Keras network itself."""
PASSES, FAILS, UNJUDGED = "ok", "FAILS", ""
SPAN = "95 % interval"


class Row(NamedTuple):
    """One line of a model's table: what the trained network has, what the model has, what is lost on the way."""

    figure: str
    trained: str
    exported: str
    lost: str
    interval: str
    """95 %, of the loss; of the figure itself where nothing can be lost."""
    limit: str
    verdict: str
    """PASSES, FAILS, or empty where nothing is asked."""


def print_verdict(reference: Mapping[str, float], rows: Sequence[Parity], speeds: Sequence[Speed]) -> None:
    """Print one table for each model, beside the trained network's own figures, then all sizes and times."""
    console = Console(highlight=False)
    for parity in rows:
        console.print(parity_table(reference, parity))
    if speeds:
        console.print(_speed_table(rows, speeds))
    for line in slow_int8(speeds):
        console.print(f"[yellow]WARNING[/yellow] {escape(line)}")
    for parity in rows:
        for failure in parity.failures:
            console.print(f"[red]FAILS[/red] {parity.file}: {escape(failure)}", soft_wrap=True)


def parity_table(reference: Mapping[str, float], parity: Parity) -> Table:
    """All figures of one model."""
    table = _table(Column("figure", overflow="fold", min_width=18), *_right(REFERENCE, "exported", "lost", SPAN))
    table.title = f"\n{parity.file}"
    table.add_column("limit", no_wrap=True)
    table.add_column("gate", no_wrap=True)
    for row in parity_rows(reference, parity):
        table.add_row(*(escape(cell) for cell in row), style="bold red" if row.verdict == FAILS else None)
    return table


def parity_rows(reference: Mapping[str, float], parity: Parity) -> Iterator[Row]:
    """The lines of one model's table, also for the HTML report."""
    checks = {check.figure: check for check in parity.checks}
    for name, after in parity.figures.items():
        if name in reference:
            yield _beside_reference(name, reference[name], after, parity, checks)
    yield Row("agreement", "", number(parity.figures["agreement"]), "", *_span_and_gate("agreement", parity, checks))
    for name in ("mean_abs_dp", "max_abs_dp"):
        found = f"{parity.figures[name]:.1e}"
        yield Row(figure_words(name), "", found, "", *_span_and_gate(name, parity, checks))
    for check in parity.checks:
        if check.figure.startswith("protected."):
            yield Row(figure_words(check.figure), "", "", "", check.found, *_judged(check))
    share = parity.figures["accuracy"] / reference["accuracy"] if reference["accuracy"] else float("nan")
    yield Row("MLPerf: share", "", f"{share:.4f}", "", "", ">= 0.99", "yes" if parity.mlperf else "no")


def number(value: float) -> str:
    """Four decimals, and no minus before zeros."""
    return f"{round(value, 4) + 0:.4f}"


def _beside_reference(name: str, before: float, after: float, parity: Parity, checks: Mapping[str, Check]) -> Row:
    first, dot, label = name.partition(".")
    lost = "ece_rise" if name == "ece" else f"{first}_drop{dot}{label}"
    told = (figure_words(name), number(before), number(after), number(parity.figures[lost]))
    return Row(*told, *_span_and_gate(lost, parity, checks))


def _span_and_gate(name: str, parity: Parity, checks: Mapping[str, Check]) -> tuple[str, str, str]:
    return span(parity.intervals.get(name), small=name == "mean_abs_dp"), *_judged(checks.get(name))


def _judged(check: Check | None) -> tuple[str, str]:
    if check is None:
        return UNJUDGED, UNJUDGED
    return check.limit, PASSES if check.passed else FAILS


def span(interval: Interval | None, *, small: bool = False) -> str:
    """An interval as people read it; empty for none."""
    if interval is None:
        return ""
    low, high = (f"{end:.1e}" if small else number(end) for end in interval)
    return f"[{low}, {high}]"


def _speed_table(rows: Sequence[Parity], speeds: Sequence[Speed]) -> Table:
    failed = {row.file for row in rows if row.failures}
    table = _table(
        Column("model", no_wrap=True), *_right("MB", "of fp32", "threads", "p50 ms", "p90 ms", "x fp32"), Column("gate")
    )
    for speed in speeds:
        table.add_row(
            speed.file,
            f"{speed.megabytes:.1f}",
            _ratio(speed.size_share),
            str(speed.threads),
            f"{speed.p50_ms:.1f}",
            f"{speed.p90_ms:.1f}",
            _ratio(speed.times_fp32),
            f"[red]{FAILS}[/red]" if speed.file in failed else PASSES,
        )
    return table


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(*columns: Column) -> Table:
    """Narrow: no lines, one space between columns."""
    return Table(*columns, box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", title_justify="left")


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]
