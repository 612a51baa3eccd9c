"""The commands of the device: run, check, gate, gate-test, command, demo, sim, bench, schemas."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from edge.commands import Json, command_line, print_json, run
from edge.gate.command import gate
from edge.ledger.command import ledger
from edge.plant_commands import ask_line, gate_test
from edge.sim.commands import app as sim

PROG = "sortline-edge"
app = command_line("Classify every item on a sorting belt and publish one bin decision per item over MQTT.")
app.add_typer(sim, name="sim")
app.command()(gate)
app.command("gate-test")(gate_test)
app.command()(ledger)
app.command("command")(ask_line)

ConfigFile = Annotated[Path, typer.Option("--config", help="The line's TOML file.")]


@app.command("run")
def run_daemon(config: ConfigFile) -> None:
    """Watch the camera and publish bin decisions until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    from edge import daemon

    daemon.run(config)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The line's TOML file.")], json: Json = False
) -> None:
    """Validate a configuration and try camera, bundle, provider and broker."""
    from edge.check import probe_all

    probes = probe_all(file)
    width = max(len(probe.part) for probe in probes)
    for probe in probes:
        typer.echo(f"{'ok ' if probe.passed else 'BAD'}  {probe.part:{width}}  {probe.found}")
    if json:
        print_json({"passed": all(p.passed for p in probes), "parts": {p.part: p.found for p in probes}})
    raise typer.Exit(max(probe.exit_status for probe in probes))


@app.command()
def calibrate(
    file: Annotated[Path, typer.Argument(metavar="CONFIG", help="The line's TOML file.")],
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to watch the belt.")] = 10.0,
    write: Annotated[bool, typer.Option("--write", help="Write the empty belt to the file of belt.reference.")] = False,
) -> None:
    """Learn the empty, running belt from the camera and measure its speed."""
    from edge.belt.calibrate import calibrate as watch

    typer.echo(watch(file, seconds, write=write))


@app.command()
def demo(
    items: Annotated[int, typer.Option(min=1, help="How many items ride the belt.")] = 40,
    seed: Annotated[int, typer.Option(help="Which items, where and how they lie.")] = 0,
    bundle: Annotated[Path | None, typer.Option(help="Another bundle than the shipped one.")] = None,
    json: Json = False,
) -> None:
    """Run a whole plant on this machine: rendered belt, daemon, broker, gates. Needs the extra `demo`."""
    from rich.console import Console

    from edge.demo import demonstrate, require_one_decision_each, summary

    figures = demonstrate(items, seed, bundle, Console(stderr=json))
    typer.echo(f"\n{summary(figures)}", err=json)
    if json:
        print_json(figures)
    require_one_decision_each(figures)


@app.command()
def bench(
    decisions: Annotated[int, typer.Option(min=10, help="Frames that are each decided and timed.")] = 1000,
    turns: Annotated[int, typer.Option(min=1, help="Starts of the daemon, and its turns with the bare runtime.")] = 5,
    frames: Annotated[int, typer.Option(min=100, help="Frames to let through for the growth of memory.")] = 2000,
    threads: Annotated[int, typer.Option(min=1, help="Inference threads.")] = 1,
    bundle: Annotated[Path | None, typer.Option(help="Another bundle than the shipped one.")] = None,
    json: Json = False,
) -> None:
    """Measure the way of a frame, each figure beside the bare runtime's. Needs the extra `demo`."""
    from edge.bench.bench import bench as measure
    from edge.bench.bench import table
    from edge.config import EngineConfig
    from edge.demo import SHIPPED_BUNDLE

    figures = measure(bundle or SHIPPED_BUNDLE, decisions, turns, frames, EngineConfig(threads=threads))
    typer.echo("\n".join(table(figures)))
    if json:
        print_json(figures)


@app.command()
def schemas(out: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the wire format for other programs: JSON Schemas and an AsyncAPI document."""
    from edge.wire.schemas import write_schemas

    for path in write_schemas(out):
        typer.echo(path)


def main() -> None:
    """Console script `sortline-edge`."""
    run(app, PROG)


if __name__ == "__main__":
    main()
