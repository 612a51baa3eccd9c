"""``python -m edge.sim``: write a dataset of rendered items."""

import os
from pathlib import Path
from typing import Annotated

import typer

from edge.commands import command_line, run
from edge.sim.dataset import write_dataset
from edge.sim.sheet import contact_sheet

app = command_line("Pictures of waste on a belt, drawn by sortline itself.")


@app.callback()
def sim() -> None:
    """Pictures of waste on a belt, drawn by sortline itself."""


@app.command()
def dataset(
    out: Annotated[Path, typer.Argument(help="Folder to write: new or empty.")],
    per_class: Annotated[int, typer.Option(min=1, help="Pictures of every class.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same pictures.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Width and height of a picture in pixels.")] = 256,
    test_share: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share marked as test in manifest.csv.")] = 0.3,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as there are cores by default.")
    ] = None,
) -> None:
    """Write OUT/<class>/<subclass>/<name>.jpg and OUT/manifest.csv."""
    processes = workers or len(os.sched_getaffinity(0))
    written = write_dataset(out, per_class=per_class, seed=seed, size=size, test_share=test_share, workers=processes)
    typer.echo(f"{out}: {written} pictures")


@app.command()
def sheet(
    out: Annotated[Path, typer.Argument(help="Picture file to write, such as items.png.")],
    columns: Annotated[int, typer.Option(min=1, max=40, help="Pictures of every subclass.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write one picture that shows every subclass: a row each, as `dataset` draws them."""
    contact_sheet(out, columns=columns, seed=seed, size=160)
    typer.echo(str(out))


if __name__ == "__main__":
    run(app, "python -m edge.sim")
