"""The commands that people in a plant use on a line that is not theirs to log in to: gate-test and command."""

from pathlib import Path
from typing import Annotated

import typer

from edge.commands import Json, print_json
from edge.config import MqttConfig
from edge.wire.broker_options import asks_broker


@asks_broker
def gate_test(
    *,
    line: Annotated[str, typer.Option(help="Line whose daemon is played; the real one must be stopped.")],
    bin_name: Annotated[str, typer.Option("--bin", help="Bin of the gate that is tested.")],
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; may be given again.")] = None,
    tolerance: Annotated[float, typer.Option(min=1, max=250, help="Milliseconds an answer may be late.")] = 100.0,
    client_id: Annotated[
        str | None, typer.Option(help="The gate's MQTT client id.  [default: as the reference gate's]")
    ] = None,
    broker: MqttConfig,
    json: Json = False,
) -> None:
    """Play a daemon against any gate, best with its actuator unarmed, and say which rules it keeps."""
    from edge.gate.conformance.certify import all_rules, certify, choose, played_daemon
    from edge.gate.conformance.report import as_json, as_text, summary
    from edge.gate.conformance.verdicts import in_order

    rules = choose(all_rules(client_id), rule or ())
    with played_daemon(broker, line, bin_name) as daemon:
        verdicts = certify(daemon, rules, tolerance, tell=lambda verdict: typer.echo(as_text(verdict)))
    typer.echo(summary(verdicts))
    if json:
        print_json(as_json(verdicts))
    raise typer.Exit(not in_order(verdicts))


@asks_broker
def ask_line(
    *,
    line: Annotated[str, typer.Argument(help="The line that is asked.")],
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="pause, resume, reload or snapshot.")],
    why: Annotated[str, typer.Option(help="Who asks, and what for: for the line's log and status.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where a snapshot is written.  [default: LINE.jpg]")] = None,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the response.")] = 10.0,
    broker: MqttConfig,
) -> None:
    """Ask a running line for something over MQTT, and print what it says."""
    from edge.wire.remote_client import ask

    said = ask(broker, line, command, why=why, timeout_s=wait)
    if isinstance(said, bytes):
        path = out or Path(f"{line}.jpg")
        path.write_bytes(said)
        said = str(path)
    typer.echo(said)
