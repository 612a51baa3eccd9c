"""Compares a model's figures with those of its export, where there is no decision to pair with another."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge.classifier import Probabilities
from export.parity import Parity, figure_words
from export.report import FAILS, PASSES, number, span
from export.statistics import Exam, Interval, Truth, statistics_of


class Compared(msgspec.Struct, frozen=True):
    """One figure, as it was recorded and as it is on these photos."""

    file: str
    figure: str
    recorded: float
    recorded_interval: Interval
    here: float
    here_interval: Interval

    @property
    def agrees(self) -> bool:
        """Whether the two 95 % intervals share a value."""
        (low, high), (other_low, other_high) = self.recorded_interval, self.here_interval
        return bool(low <= other_high and other_low <= high)


def compare_figures(
    recorded: Sequence[Parity], answers: Mapping[str, Probabilities], truth: Truth, labels: Sequence[str]
) -> list[Compared]:
    """Accuracy, macro F1 and recalls of each file that is in `answers`, beside those recorded."""
    return [
        line
        for parity in recorded
        if parity.file in answers
        for line in _compared(parity, answers[parity.file], Exam(labels, truth, answers[parity.file]))
    ]


def print_compared(compared: Sequence[Compared], photos: int) -> None:
    """Print all lines as a table, those that fail marked."""
    Console(highlight=False).print(_table(compared, photos))


def _compared(parity: Parity, answers: Probabilities, exam: Exam) -> Iterator[Compared]:
    here = statistics_of(answers, exam)
    for name, recorded in parity.figures.items():
        if name in {"accuracy", "macro_f1"} or (name.startswith("recall.") and name in here.figures):
            yield Compared(
                parity.file, name, recorded, parity.intervals[name], here.figures[name], here.intervals[name]
            )


def _table(compared: Sequence[Compared], photos: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for head in ("figure", "recorded", "95 % interval", "here", f"on {photos} photos", ""):
        table.add_column(head, no_wrap=True)
    for line in compared:
        table.add_row(
            escape(figure_words(line.figure)),
            number(line.recorded),
            escape(span(line.recorded_interval)),
            number(line.here),
            escape(span(line.here_interval)),
            PASSES if line.agrees else f"[red]{FAILS}[/red]",
        )
    return table
