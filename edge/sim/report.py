"""The run's report: one HTML file with figures, bars, and pictures of what went wrong; it needs nothing beside it."""

import base64
import html
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import UsageError
from edge.sim.bench_settings import BenchSettings
from edge.sim.cases import Case

BAR_PX = 320
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}"
    "svg{background:#e4e8e4}rect{fill:#2c7a4b}.cases{display:flex;flex-wrap:wrap;gap:.8rem}"
    "figure{margin:0;width:240px}figcaption{font-size:12px;color:#555}pre{background:#f4f4f2;padding:1rem;overflow:auto}"
)
KINDS = {
    "missed": "Items that no decision is about.",
    "merged": "Items that were decided as one with a neighbour.",
    "split": "Items of which parts were decided as items.",
    "doubled": "Items that were decided twice.",
    "ghost": "Decisions about nothing.",
    "wrong bin": "Items that were decided for a bin that is not their class's.",
}
COUNTS = (
    "seen",
    "missed",
    "merged",
    "merged_unflagged",
    "split",
    "doubled",
    "ghosts",
    "touching",
    "touching_flagged",
)
ERRORS = {
    "timing_error_ms": "gate against the true moment, ms",
    "timing_error_mm": "gate against the true place, mm",
    "mark_error_mm": "decided against the true place, mm",
    "plan_error_ms": "gate against the line's own odometer, ms",
}


def write_report(path: Path, settings: BenchSettings, figures: dict[str, Any], cases: tuple[Case, ...]) -> None:
    """Write it to `path`. Raises UsageError when that cannot be written."""
    body = "\n".join([*_summary(figures), *_bins(figures), *_timing(figures), *_pictures(cases), *_made_from(settings)])
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>sortline: simulated belt</title>'
        f"<style>{STYLE}</style><body>\n{body}\n</body></html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot write the report there ({error.strerror}); name a file to write") from error


def _summary(figures: dict[str, Any]) -> Iterator[str]:
    accuracy = figures["routing_accuracy"]
    routed = "routing not judged: no model" if accuracy is None else f"{accuracy:.1%} ended in the right bin"
    yield "<h1>Simulated belt</h1>"
    yield (
        f"<p>{figures['items']} items at {figures['speed_mm_s']:g} mm/s, {figures['fps']:g} frames a second, "
        f"seed {figures['seed']}; {routed}.</p>"
    )
    yield "<h2>Items</h2>" + _bars({name.replace("_", " "): figures[name] for name in COUNTS}, figures["items"])
    yield "<h2>Reasons</h2>" + _bars(figures["reasons"], sum(figures["reasons"].values()))


def _bins(figures: dict[str, Any]) -> Iterator[str]:
    if not figures["per_bin"]:
        return
    rows = [
        [html.escape(name), str(each["items"]), _bar(each["purity"]), _bar(each["recovery"])]
        for name, each in figures["per_bin"].items()
    ]
    yield "<h2>Bins</h2>" + _table(["bin", "items", "purity", "recovery"], rows)


def _timing(figures: dict[str, Any]) -> Iterator[str]:
    columns = ("p50", "p99", "max", "mean")
    rows = [
        [said, *("" if figures[name][column] is None else f"{figures[name][column]:.2f}" for column in columns)]
        for name, said in ERRORS.items()
    ]
    yield "<h2>Errors of place and time</h2>" + _table(["", "p50", "p99", "max", "mean (signed)"], rows)


def _pictures(cases: tuple[Case, ...]) -> Iterator[str]:
    order = list(KINDS)
    for kind, group in groupby(sorted(cases, key=lambda case: order.index(case.kind)), key=lambda case: case.kind):
        shown = list(group)
        yield f"<h2>{kind}</h2><p>{KINDS[kind]} The cross is the place that the decision names.</p><div class=cases>"
        yield from (_figure(case) for case in shown)
        yield "</div>"


def _figure(case: Case) -> str:
    data = base64.b64encode(case.jpeg).decode()
    which = "" if case.item is None else f"item {case.item}, "
    said = html.escape(f"{case.about} · {which}seed {case.seed}, {case.at_s:.2f} s")
    return (
        f'<figure><img alt="{case.kind}" src="data:image/jpeg;base64,{data}"><figcaption>{said}</figcaption></figure>'
    )


def _made_from(settings: BenchSettings) -> Iterator[str]:
    said = msgspec.json.format(msgspec.json.encode(settings), indent=2).decode()
    yield f"<h2>Made from</h2><pre>{html.escape(said)}</pre>"


def _bars(counts: dict[str, int], whole: int) -> str:
    rows = [[html.escape(name), str(count), _bar(count / whole if whole else None)] for name, count in counts.items()]
    return _table(["", "count", "share"], rows)


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    width = round(min(share, 1.0) * BAR_PX)
    return f'<svg width="{BAR_PX}" height="12"><rect width="{width}" height="12"/></svg> {share:.2%}'


def _table(headings: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
