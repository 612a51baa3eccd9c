"""A run's figures in a few lines, for a terminal."""

from typing import Any


def summary(figures: dict[str, Any]) -> str:
    """The figures in words."""
    accuracy = figures["routing_accuracy"]
    lines = [
        f"{figures['items']} items at {figures['speed_mm_s']:g} mm/s, {figures['frames']} frames",
        " ".join(f"{figures[name]} {name}," for name in ("seen", "missed", "doubled", "split", "ghosts"))
        + f" {figures['merged']} merged ({figures['merged_unflagged']} unflagged)",
        "not routed: no model" if accuracy is None else f"{accuracy:.1%} in the right bin",
        *(_bin_line(name, each) for name, each in (figures["per_bin"] or {}).items()),
        _error_line("timing error", figures["timing_error_ms"], "ms"),
        _error_line("that is", figures["timing_error_mm"], "mm of belt"),
        "reasons: " + ", ".join(f"{name} {count}" for name, count in figures["reasons"].items()),
    ]
    return "\n".join(lines)


def _bin_line(name: str, each: dict[str, Any]) -> str:
    shares = ", ".join(f"{kind} {_percent(each[kind])}" for kind in ("purity", "recovery"))
    return f"  {name:12} {each['items']:6} items, {shares}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _error_line(name: str, spread: dict[str, float | None], unit: str) -> str:
    if spread["p50"] is None:
        return f"{name}: no gate moved"
    return f"{name}: p50 {spread['p50']:.2f}, p99 {spread['p99']:.2f}, most {spread['max']:.2f} {unit}"
