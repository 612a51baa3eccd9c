"""The decision: probabilities, rules and the time that is left in; always a bin and a reason out."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from edge.config import Config, bin_of
from edge.wire.messages import Reason


@dataclass(frozen=True)
class Rules:
    """How classes become bins."""

    bins: Mapping[str, str]
    """Class -> bin."""
    reject: str
    min_confidence: Mapping[str, float]
    """Class -> least probability of a bin for an item that most probably is of this class."""
    costs: Mapping[str, Mapping[str, float]]
    """Class -> bin -> cost of an item of the class in that bin; empty: every misplaced item is equally bad."""
    protect: Mapping[str, float]
    """Class -> probability above which an item reaches no bin but the class's own or the reject bin."""
    reject_touching: bool


@dataclass(frozen=True)
class Circumstances:
    """What else counts for one item."""

    lead_ms: Mapping[str, float]
    """Bin -> time left in which a command still comes early enough to its gate; a bin not named has time."""
    closed: Collection[str] = ()
    """Bins whose gates report that they cannot take items."""
    touching: bool = False


@dataclass(frozen=True)
class Ruling:
    """Where an item goes and why."""

    bin: str
    reason: Reason


@dataclass(frozen=True)
class Option:
    """One bin that an item could go to."""

    ruling: Ruling
    cost: float
    """That is to be expected."""


def rules_of(config: Config, labels: Sequence[str]) -> Rules:
    """The rules of a line's configuration."""
    routing = config.routing
    return Rules(
        bins={label: bin_of(config, label) for label in labels},
        reject=routing.reject,
        min_confidence={label: routing.min_confidence_of.get(label, routing.min_confidence) for label in labels},
        costs=routing.costs,
        protect=routing.protect,
        reject_touching=routing.touching == "reject",
    )


def decide(probabilities: Mapping[str, float] | None, rules: Rules, at: Circumstances) -> Ruling:
    """The ruling on one item: the bin with the least expected cost among those that protected classes and gates allow.

    Elkan, The foundations of cost-sensitive learning, 2001.
    `probabilities`: class -> probability, None when the item was never seen well enough to be classified.
    """
    if probabilities is None:
        return Ruling(rules.reject, "blocked-view")
    if at.touching and rules.reject_touching:
        return Ruling(rules.reject, "unknown-item")
    if not all(map(math.isfinite, probabilities.values())):  # a broken model answers NaN, which compares with nothing
        return Ruling(rules.reject, "unsure")
    allowed = [option for option in options(probabilities, rules) if _is_allowed(option, probabilities, rules)]
    best = min(allowed, key=_cost)
    taken = min((option for option in allowed if _is_open(option, rules, at.closed)), key=_cost).ruling
    if taken.bin != rules.reject and at.lead_ms.get(taken.bin, math.inf) < 0:
        return Ruling(rules.reject, "late")
    return taken if taken == best.ruling else Ruling(taken.bin, "rerouted")


def options(probabilities: Mapping[str, float], rules: Rules) -> list[Option]:
    """Every bin with its expected cost, in the order of the classes; rejecting comes last, so that it wins no tie."""
    bins = [name for name in dict.fromkeys(rules.bins.values()) if rules.costs == {} or name != rules.reject]
    sorted_there = [Option(Ruling(name, "classified"), _misplaced(probabilities, name, rules)) for name in bins]
    return [*sorted_there, _rejected(probabilities, rules)]


def _misplaced(probabilities: Mapping[str, float], name: str, rules: Rules) -> float:
    """Expected cost of the bin `name`: by the matrix, or 1 for every item that does not belong there."""
    if rules.costs:
        return math.fsum(p * rules.costs[label][name] for label, p in probabilities.items())
    return 1 - math.fsum(p for label, p in probabilities.items() if rules.bins[label] == name)


def _rejected(probabilities: Mapping[str, float], rules: Rules) -> Option:
    """Rejecting costs what the matrix says, or 1 - min_confidence: what is less probable is then cheaper to reject.

    Chow, On optimum recognition error and reject tradeoff, 1970.
    """
    label = max(probabilities, key=probabilities.__getitem__)
    if rules.costs:
        belongs = rules.bins[label] == rules.reject
        ruling = Ruling(rules.reject, "classified" if belongs else "unsure")
        return Option(ruling, _misplaced(probabilities, rules.reject, rules))
    return Option(Ruling(rules.reject, "unsure"), 1 - rules.min_confidence[label])


def _is_allowed(option: Option, probabilities: Mapping[str, float], rules: Rules) -> bool:
    """No class that is protected from this bin is too probable."""
    return option.ruling.bin == rules.reject or all(
        probabilities[label] <= limit
        for label, limit in rules.protect.items()
        if rules.bins[label] != option.ruling.bin
    )


def _is_open(option: Option, rules: Rules, closed: Collection[str]) -> bool:
    return option.ruling.bin == rules.reject or option.ruling.bin not in closed


def _cost(option: Option) -> float:
    return option.cost
