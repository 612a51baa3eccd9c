"""Says on standard error what the export is doing; standard output belongs to the result."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def say(what: str) -> None:
    """Name the step that begins."""
    Console(stderr=True, highlight=False).print(what, soft_wrap=True)


def watched(items: Sequence[Item], what: str) -> Iterator[Item]:
    """`items`, with a progress bar on a terminal."""
    console = Console(stderr=True)
    yield from track(items, what, console=console, transient=True, disable=not console.is_terminal)
