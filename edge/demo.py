"""`sortline-edge demo`: a rendered belt, the real daemon, a real broker and a gate per bin, live in the terminal."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from edge.bundle.bundle import open_bundle
from edge.config import MqttConfig
from edge.errors import BundleError, Refused, Unavailable
from edge.sim.broker import embedded_broker
from edge.sim.plant import LINE, Plant
from edge.sim.play import Truth
from edge.sim.settings import SceneSettings
from edge.sim.watch import Score, Watch, is_right, match, score
from edge.wire.messages import BinDecision

SHIPPED_BUNDLE = Path(__file__).parent.parent / "deploy" / "bundles" / "waste4.bundle"
LAST_ROWS = 10
REFRESH_S = 0.25
DRAIN_S = 6.0
"""After the last frame: the last item still rides to the farthest gate."""


def demonstrate(items: int, seed: int, bundle_path: Path | None, console: Console | None) -> dict[str, Any]:
    """Run the plant until every item is through; returns the figures. `console` None: no live view.

    Raises BundleError without a bundle, Unavailable when a part of the plant ends or the daemon does not stop cleanly.
    """
    bundle = bundle_path or SHIPPED_BUNDLE
    if not bundle.is_file():
        raise BundleError(f"{bundle}: expected the shipped bundle, found none; run from a clone or give --bundle FILE")
    labels = open_bundle(bundle).manifest.labels
    with _running_plant(bundle, labels) as (plant, watch):
        plant.start(SceneSettings(items=items, seed=seed))
        truth = plant.begin()
        with Live(console=console, refresh_per_second=4) if console else nullcontext() as live:
            for _ in _until_done(plant, truth, watch):
                if live:
                    live.update(view(truth, watch))
        status = plant.stop_daemon()
    if status:
        raise Unavailable(f"the daemon: expected a clean stop, found exit status {status}")
    return asdict(score(truth, watch.decisions, watch.answers))


def require_one_decision_each(figures: dict[str, Any]) -> None:
    """Raise Refused when an item got no decision or more than one."""
    if figures["missed"] or figures["duplicates"]:
        raise Refused(
            f"expected one decision for each of {figures['items']} items, found {figures['missed']} missed and "
            f"{figures['duplicates']} duplicates"
        )


def summary(figures: dict[str, Any]) -> str:
    """The figures in words."""
    latency = figures["latency_ms"]
    return (
        f"{figures['items']} items, {figures['decisions']} decisions, {figures['duplicates']} duplicates, "
        f"{figures['missed']} missed, {figures['right']} to the right bin, {figures['fired']} gates fired, "
        f"{figures['expired']} expired; camera to MQTT {latency['p50']:.1f} ms (p99 {latency['p99']:.1f})"
    )


@contextmanager
def _running_plant(bundle: Path, labels: tuple[str, ...]) -> Iterator[tuple[Plant, Watch]]:
    with tempfile.TemporaryDirectory(prefix="sortline-demo-") as folder, embedded_broker() as broker:
        access = MqttConfig(host=broker.host, port=broker.port)
        with Watch(access, LINE) as watch, Plant(Path(folder), bundle, labels, broker) as plant:
            yield plant, watch


def _until_done(plant: Plant, truth: Truth, watch: Watch) -> Iterator[None]:
    """Yield every REFRESH_S until the belt is empty and every decision answered."""
    while (now_ms := time.monotonic() * 1000) < truth.ends_t_ms + DRAIN_S * 1000:
        plant.check()
        yield
        if now_ms > truth.ends_t_ms and len(watch.answers) >= len(watch.decisions):
            return
        time.sleep(REFRESH_S)


def view(truth: Truth, watch: Watch) -> Group:
    """What is going on, as rich draws it."""
    decisions, answers = list(watch.decisions), list(watch.answers)
    result = score(truth, decisions, answers)
    return Group(_last_decisions(truth, decisions, {answer.seq: answer.outcome for answer in answers}), _totals(result))


def _last_decisions(truth: Truth, decisions: list[BinDecision], outcomes: dict[int, str]) -> Table:
    title = "sortline: the last decisions"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("item", "really", "decided", "conf.", "bin", "gate", "ms"):
        right = heading in ("item", "conf.", "ms")
        # In 80 columns only what really rides the belt is folded: numbers and bins stay whole.
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "really")
    items = {item.number: item for item in truth.items}
    matched = match(truth, decisions).items()
    true_of = {id(d): items.get(number) if number is not None else None for number, about in matched for d in about}
    for decision in decisions[-LAST_ROWS:]:
        item = true_of[id(decision)]
        right = item is not None and is_right(item, decision)
        table.add_row(
            str(decision.item),
            f"{item.label} ({item.subclass})" if item else "?",
            decision.label or decision.reason,
            f"{decision.confidence:.2f}" if decision.confidence is not None else "",
            f"[{'green' if right else 'red'}]{decision.bin}[/]",
            outcomes.get(decision.seq, "…"),
            f"{decision.t_ms - decision.captured_t_ms:.1f}",
        )
    return table


def _totals(result: Score) -> Table:
    table = Table.grid(padding=(0, 2))
    bins = "   ".join(f"{name} {count}" for name, count in sorted(result.per_bin.items()))
    table.add_row("bins", bins)
    table.add_row("items", f"{result.decisions} of {result.items} decided, {result.right} right, {result.fired} fired")
    table.add_row("camera to MQTT", f"p50 {result.latency_ms['p50']:.1f} ms   p99 {result.latency_ms['p99']:.1f} ms")
    return table
