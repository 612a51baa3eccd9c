"""What a person at a terminal sees of a long run: which stage it is in, and how long each one took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Announce `name`, and its seconds when it ends well."""
    typer.echo(f"{name} …")
    started = time.monotonic()
    yield
    typer.echo(f"{name}: {time.monotonic() - started:.1f} s")


def verbosity() -> int:
    """Of Keras: a bar for a terminal; for a log one line an epoch, which also spares a wait for the device a step."""
    return 1 if sys.stdout.isatty() else 2
