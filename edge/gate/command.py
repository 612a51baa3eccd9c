"""The command `gate`: the reference gate on a drive."""

from pathlib import Path
from typing import Annotated

import typer

from edge.commands import stop_on_signals
from edge.config import MqttConfig
from edge.wire.broker_options import asks_broker

DRIVERS = (
    "What moves: print (nothing), gpio:PIN[,full=PIN][,jam=PIN][,reset=PIN][,active=low] or "
    "modbus:HOST[:PORT]/COIL[,full=INPUT][,jam=INPUT][,reset=INPUT][,unit=1]."
)
JOURNAL = "File of this gate's own, in which each movement is noted before it begins. Whatever moves needs one."
LATCH = "So many losses of the daemon within a minute latch the gate, until its reset input or a restart; 0: never."


@asks_broker
def gate(
    *,
    line: Annotated[str, typer.Option(help="Line whose decisions to follow.")],
    bin_name: Annotated[str, typer.Option("--bin", help="Bin that this gate moves items into.")],
    name: Annotated[str | None, typer.Option(help="Name of the gate, unique on its line.  [default: the bin]")] = None,
    driver: Annotated[str, typer.Option(metavar="DRIVER", help=DRIVERS)] = "print",
    hold_ms: Annotated[float, typer.Option(min=1, help="How long a movement holds the gate open.")] = 200,
    journal: Annotated[Path | None, typer.Option(help=JOURNAL)] = None,
    latch_after: Annotated[int, typer.Option(min=0, help=LATCH)] = 5,
    broker: MqttConfig,
) -> None:
    """Follow a line's decisions for one bin, move a gate, and answer; one line per event."""
    from contextlib import ExitStack

    from edge.gate.drivers import open_driver, require_journal
    from edge.gate.gate import run_gate
    from edge.gate.journal import Journal
    from edge.gate.rules import Gate

    require_journal(driver, journal)
    rules = Gate(line, bin_name, name or bin_name, latch_after=latch_after)
    with Journal(journal) as notes, ExitStack() as leaving:
        drive = open_driver(driver)
        leaving.callback(drive.release)
        # typer.echo flushes: whoever reads this through a pipe sees an event when it happens.
        run_gate(broker, rules, driver=drive, journal=notes, hold_ms=hold_ms, stop=stop_on_signals(), say=typer.echo)
