"""The decision: probabilities, rules and the time that is left in; always a bin and a reason out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.config import Config, bin_of
from edge.messages import Reason

LEAST_LEAD_MS = 50.0
"""A command needs this long to a gate and the gate to plan it: what would arrive later is decided `late`."""


@dataclass(frozen=True)
class Rules:
    """How classes become bins."""

    bins: Mapping[str, str]
    """Class -> bin."""
    reject: str
    min_confidence: float
    """Below it an item is `unsure` and goes to the reject bin."""
    lead_ms: Mapping[str, float]
    """Bin -> milliseconds from the line to its gate at the belt's speed."""


@dataclass(frozen=True)
class Ruling:
    """Where an item goes and why."""

    bin: str
    reason: Reason


def rules_of(config: Config, labels: Sequence[str]) -> Rules:
    """The rules of a line's configuration."""
    lead_ms = {name: gate.distance_mm / config.belt.speed_mm_s * 1000 for name, gate in config.gates.items()}
    bins = {label: bin_of(config, label) for label in labels}
    return Rules(bins, config.routing.reject, config.routing.min_confidence, lead_ms)


def decide(probabilities: Mapping[str, float] | None, age_ms: float, rules: Rules) -> Ruling:
    """The ruling on one item.

    `probabilities`: class -> probability, None when the item was hidden. `age_ms`: how long ago it was at the line.
    """
    if probabilities is None:
        return Ruling(rules.reject, "blocked-view")
    label = max(probabilities, key=probabilities.__getitem__)
    if probabilities[label] < rules.min_confidence:
        return Ruling(rules.reject, "unsure")
    if rules.lead_ms[rules.bins[label]] - age_ms < LEAST_LEAD_MS:
        return Ruling(rules.reject, "late")
    return Ruling(rules.bins[label], "classified")
