"""`sortline-edge bench`: all that is measured, in order, and what we hold ourselves to."""

import tempfile
from pathlib import Path
from typing import Any

from edge.bench.growth import measure_growth
from edge.bench.latency import measure_latency
from edge.bench.service import Service
from edge.bundle.bundle import open_bundle
from edge.config import EngineConfig
from edge.engine.engine import open_engine
from edge.sim.broker import embedded_broker

SHARE = "share of bare"
TARGETS = {
    "median above bare, ms": 2.0,
    "p99 above bare's, ms": 5.0,
    "p99.9 above p50, ms": 10.0,
    "start to READY, s": 2.0,
    "highest, MB": 300.0,
    SHARE: 0.95,
    "grown, MB": 2.0,
}
"""At most so much; of the share, at least."""


def bench(bundle_path: Path, decisions: int, turns: int, frames: int, config: EngineConfig) -> dict[str, Any]:
    """Measure with the real parts against an embedded broker.

    So many `decisions` are timed, in so many `turns` the daemon starts and is held against the bare runtime, and so
    many `frames` go through for the growth of memory.

    Raises BundleError, ProviderError, Unavailable.
    """
    bundle = open_bundle(bundle_path)
    engine = open_engine(config, bundle)
    with tempfile.TemporaryDirectory(prefix="sortline-bench-") as name, embedded_broker() as broker:
        folder = Path(name)
        return {
            "engine": engine.why,
            **measure_latency(bundle, engine, config, broker, folder, decisions),
            **Service(bundle, config, broker, folder).measure(engine, turns),
            "growth": measure_growth(bundle, engine, config, broker, folder, frames),
        }


def table(figures: dict[str, Any], indent: str = "") -> list[str]:
    """One line a figure; "*" marks what is beyond its target."""
    lines: list[str] = []
    for name, value in figures.items():
        head = f"{indent}{name:{28 - len(indent)}}"
        if not isinstance(value, dict):
            lines.append(f"{head} {_beside_target(name, value)}")
        elif any(isinstance(inner, dict) for inner in value.values()):
            lines += [head, *table(value, indent + "  ")]
        else:
            lines.append(f"{head} {'  '.join(f'{key} {_beside_target(key, each)}' for key, each in value.items())}")
    return lines


def _beside_target(name: str, value: Any) -> str:
    if name not in TARGETS:
        return f"{value}"
    target = TARGETS[name]
    met = value >= target if name == SHARE else value <= target
    return f"{value}{'' if met else ' *'} (target {target:g})"
