"""What a person sees of a long run: which stage it is in, how far and how fast, and a line for every epoch."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from train.checkpoint import Row

Show = Callable[[int, Callable[[], str]], None]
"""Takes the photos done so far, and what tells a few words more: it may have to wait for the device."""

LOOK_S = 2.0
"""Between two such waits."""
TOLD = (("loss", "loss", ".4f"), ("accuracy", "accuracy", ".4f"), ("macro_f1", "macro F1", ".4f"), ("lr", "lr", ".1e"))
"""Column, its name for people, its format."""


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Announce `name`, and its seconds when it ends well."""
    typer.echo(f"{name} …")
    started = time.monotonic()
    yield
    typer.echo(f"{name}: {time.monotonic() - started:.1f} s")


@contextmanager
def epoch_bar(title: str, photos: int, done: int) -> Iterator[Show]:
    """A bar for a terminal, nothing for a log; `done` photos of the epoch are behind us already."""
    if not sys.stdout.isatty():
        yield lambda _done, _words: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[speed]} photos/s {task.fields[words]}"), transient=True) as bar:
        task = bar.add_task(title, total=photos, completed=done, words="", speed=0)
        started = looked = time.monotonic()

        def show(now: int, words: Callable[[], str]) -> None:
            nonlocal looked
            if time.monotonic() - looked > LOOK_S:
                bar.update(task, words=words())
                looked = time.monotonic()
            bar.update(task, completed=now, speed=round((now - done) / (time.monotonic() - started + 1e-9)))

        yield show


def say_epoch(row: Row, epochs: int, seconds_left: float) -> None:
    """One line on an epoch that is done."""
    figures = [f"{name} {row[column]:{form}}" for column, name, form in TOLD if column in row]
    left = f"{int(seconds_left) // 60}:{int(seconds_left) % 60:02} left"
    speed = f"{row['photos_per_s']:.0f} photos/s"
    typer.echo(f"epoch {row['epoch']}/{epochs}: {', '.join([*figures, speed, left])}")
