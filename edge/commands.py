"""How every command of sortline behaves in a shell: one line for an error, the right exit status, `--json` last."""

import signal
import sys
import threading
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer

from edge.errors import SortlineError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]


def command_line(summary: str) -> typer.Typer:
    """An empty command line that says `summary` in its help."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run(app: typer.Typer, prog: str, default: str | None = None) -> None:
    """Run `app` on the process's arguments and leave the process: an error is one line and its exit status.

    With `default`, `prog ARGUMENTS` means `prog DEFAULT ARGUMENTS`.
    """
    arguments = sys.argv[1:]
    names = {command.name for command in app.registered_commands}
    if default and arguments and arguments[0] not in names | {"--help"}:
        arguments = [default, *arguments]
    try:
        app(args=arguments, prog_name=prog)
    except SortlineError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set, instead of ending the process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def print_json(figures: Mapping[str, Any]) -> None:
    """Print `figures` as one line on standard output."""
    print(msgspec.json.encode(figures).decode(), flush=True)
