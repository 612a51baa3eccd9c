"""The command `ledger`: what was decided, and what the gates did about it."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


def ledger(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A line's ledger, as its ledger.path says.")],
    boot: Annotated[str | None, typer.Option(help="Only of this run of the daemon.")] = None,
    bin_name: Annotated[str | None, typer.Option("--bin", help="Only for this bin.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason, such as unsure.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only with this answer, such as expired.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only from this time on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only before this time, UTC.")] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only what no gate has answered.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, for a spreadsheet.")] = False,
) -> None:
    """List what was decided and what the gates did about it, oldest first; also while the daemon writes."""
    from edge.ledger.reader import Entry, Question, read_ledger, write_csv

    def line_of(entry: Entry) -> str:
        cells = {name: "-" if value == "" else value for name, value in entry.cells.items()}
        sent = "" if entry.published else " unpublished"
        why = f" ({entry.answer.detail})" if entry.answer and entry.answer.detail else ""
        return (
            "{captured_at} seq={seq} item={item} bin={bin} {reason} label={label} confidence={confidence}".format(
                **cells
            )
            + f"{sent} outcome={cells['outcome']} error_ms={cells['error_ms']}{why}"
        )

    entries = read_ledger(file, Question(boot, bin_name, reason, outcome, since, until, unanswered, limit))
    if csv:
        write_csv(entries, sys.stdout)
        return
    for entry in entries:
        typer.echo(line_of(entry))
