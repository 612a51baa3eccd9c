import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config_file import load_config
from edge.decision.decision import Circumstances, Rules, Ruling, decide, options, rules_of
from edge.wire.messages import Reason

RULES = Rules(
    bins={"can": "metal", "tin": "metal", "leaf": "green", "acid": "acid"},
    reject="reject",
    min_confidence=dict.fromkeys(("can", "tin", "leaf", "acid"), 0.6),
    costs={},
    protect={},
    reject_touching=True,
)
BINS = ("metal", "green", "acid", "reject")
IN_TIME = Circumstances(lead_ms=dict.fromkeys(BINS, 1000.0))

costs = st.fixed_dictionaries(
    {label: st.fixed_dictionaries(dict.fromkeys(BINS, st.floats(0, 100))) for label in RULES.bins}
)
rules = st.builds(
    replace,
    st.just(RULES),
    costs=st.just({}) | costs,
    min_confidence=st.fixed_dictionaries(dict.fromkeys(RULES.bins, st.floats(0, 1))),
    protect=st.dictionaries(st.sampled_from(sorted(RULES.bins)), st.floats(0, 1)),
    reject_touching=st.booleans(),
)
shares = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])
probabilities = st.fixed_dictionaries(dict.fromkeys(RULES.bins, shares))
circumstances = st.builds(
    Circumstances,
    lead_ms=st.fixed_dictionaries(dict.fromkeys(BINS, st.floats(-1e6, 1e6) | st.just(-math.inf))),
    closed=st.frozensets(st.sampled_from(BINS)),
    touching=st.booleans(),
)
many = settings(max_examples=300, deadline=None, derandomize=True)


@many
@given(
    probabilities=st.none() | st.fixed_dictionaries(dict.fromkeys(RULES.bins, st.floats())),
    rules=rules,
    at=circumstances,
)
def test_every_item_gets_a_known_bin_and_a_reason(
    probabilities: dict[str, float] | None, rules: Rules, at: Circumstances
) -> None:
    """Whatever a model answers, NaN too, whatever the rules and the time: a bin of the line, a word of the format."""
    ruling = decide(probabilities, rules, at)

    assert ruling.bin in BINS
    assert ruling.reason in get_args(Reason)
    assert ruling.reason != "classified" or probabilities is not None


@many
@given(probabilities=probabilities, rules=rules, at=circumstances)
def test_no_open_and_allowed_bin_would_have_cost_less(
    probabilities: dict[str, float], rules: Rules, at: Circumstances
) -> None:
    """Where time and a single item leave the choice, the expected cost is the least there is."""
    in_time = Circumstances(IN_TIME.lead_ms, at.closed)

    ruling = decide(probabilities, rules, in_time)

    expected: dict[str, float] = {}
    for option in options(probabilities, rules):
        expected[option.ruling.bin] = min(option.cost, expected.get(option.ruling.bin, math.inf))
    open_bins = [name for name in expected if name == "reject" or name not in at.closed]
    allowed = [name for name in open_bins if not forbidden(probabilities, rules, name)]
    assert expected[ruling.bin] == min(expected[name] for name in allowed)


@many
@given(probabilities=probabilities, rules=rules, at=circumstances)
def test_a_protected_class_reaches_no_other_bin(
    probabilities: dict[str, float], rules: Rules, at: Circumstances
) -> None:
    """More probable than its limit, it goes to its own bin or is rejected, at any price."""
    ruling = decide(probabilities, rules, at)

    assert not forbidden(probabilities, rules, ruling.bin)


@many
@given(probabilities=probabilities, rules=rules, at=circumstances)
def test_nothing_is_sent_where_it_cannot_be_taken(
    probabilities: dict[str, float], rules: Rules, at: Circumstances
) -> None:
    """No command that would come too late, none to a gate that is full or jammed; the reject bin takes everything."""
    ruling = decide(probabilities, rules, at)

    assert ruling.bin == "reject" or at.lead_ms[ruling.bin] >= 0
    assert ruling.bin == "reject" or ruling.bin not in at.closed
    assert ruling.bin == "reject" or not (at.touching and rules.reject_touching)


def mix(**given: float) -> dict[str, float]:
    """Probabilities, 0 for what is not named."""
    return {label: given.get(label, 0.0) for label in RULES.bins}


@pytest.mark.parametrize(
    ("seen", "ruling"),
    [
        (mix(can=0.7, tin=0.2, leaf=0.1), Ruling("metal", "classified")),
        (mix(can=0.1, tin=0.8, leaf=0.1), Ruling("metal", "classified")),
        (mix(leaf=0.6, can=0.4), Ruling("green", "classified")),
        (mix(leaf=0.59, can=0.41), Ruling("reject", "unsure")),
        (mix(can=0.4, tin=0.4, leaf=0.2), Ruling("metal", "classified")),
        (mix(can=0.5, leaf=0.5), Ruling("reject", "unsure")),
        (mix(), Ruling("reject", "unsure")),
        (mix(can=math.nan), Ruling("reject", "unsure")),
        (None, Ruling("reject", "blocked-view")),
    ],
)
def test_what_is_sure_enough_is_sorted(seen: dict[str, float] | None, ruling: Ruling) -> None:
    """A bin counts with all its classes together; what is less probable than min_confidence, or hidden, is rejected."""
    assert decide(seen, RULES, IN_TIME) == ruling


def test_a_class_may_have_a_confidence_of_its_own() -> None:
    """It counts for items that most probably are of that class, and for no others."""
    strict = replace(RULES, min_confidence={**RULES.min_confidence, "leaf": 0.9})

    assert decide(mix(leaf=0.89, can=0.11), strict, IN_TIME) == Ruling("reject", "unsure")
    assert decide(mix(leaf=0.9, can=0.1), strict, IN_TIME) == Ruling("green", "classified")
    assert decide(mix(leaf=0.11, can=0.89), strict, IN_TIME) == Ruling("metal", "classified")


def test_costs_decide_against_the_most_probable_class() -> None:
    """Acid among the leaves is so dear that a third of it is enough."""
    dear = replace(
        RULES,
        costs={
            "can": {"metal": 0, "green": 1, "acid": 1, "reject": 0.3},
            "tin": {"metal": 0, "green": 1, "acid": 1, "reject": 0.3},
            "leaf": {"metal": 1, "green": 0, "acid": 0.2, "reject": 0.3},
            "acid": {"metal": 50, "green": 50, "acid": 0, "reject": 5},
        },
    )

    assert decide(mix(leaf=0.7, acid=0.3), dear, IN_TIME) == Ruling("acid", "classified")
    assert decide(mix(can=0.9, acid=0.1), dear, IN_TIME) == Ruling("reject", "unsure")
    assert decide(mix(leaf=1.0), dear, IN_TIME) == Ruling("green", "classified")


def test_a_protected_class_is_rejected_rather_than_lost() -> None:
    """A fifth of acid keeps an item out of every other bin, though it most probably is a can."""
    careful = replace(RULES, protect={"acid": 0.1})

    assert decide(mix(can=0.8, acid=0.2), RULES, IN_TIME) == Ruling("metal", "classified")
    assert decide(mix(can=0.8, acid=0.2), careful, IN_TIME) == Ruling("reject", "unsure")
    assert decide(mix(can=0.9, acid=0.1), careful, IN_TIME) == Ruling("metal", "classified")
    assert decide(mix(can=0.3, acid=0.7), careful, IN_TIME) == Ruling("acid", "classified")


def test_what_comes_too_late_for_its_gate_is_late() -> None:
    """The gate's own time counts, to the last moment."""
    seen = mix(can=0.9, leaf=0.1)

    assert decide(seen, RULES, Circumstances({"metal": 0.0})) == Ruling("metal", "classified")
    assert decide(seen, RULES, Circumstances({"metal": -0.1})) == Ruling("reject", "late")
    assert decide(seen, RULES, Circumstances({"green": -0.1})) == Ruling("metal", "classified")


def test_a_closed_bin_is_routed_around() -> None:
    """The next best bin if that is worth it, else the reject bin; the reason tells that it was full."""
    bold = replace(RULES, min_confidence=dict.fromkeys(RULES.bins, 0.2))
    seen = mix(can=0.7, leaf=0.3)

    assert decide(seen, RULES, replace(IN_TIME, closed={"metal"})) == Ruling("reject", "rerouted")
    assert decide(seen, bold, replace(IN_TIME, closed={"metal"})) == Ruling("green", "rerouted")
    assert decide(seen, RULES, replace(IN_TIME, closed={"green"})) == Ruling("metal", "classified")


def test_things_that_touch_are_rejected_unless_told_otherwise() -> None:
    """One gate would move both; who prefers that says so."""
    touching = replace(IN_TIME, touching=True)

    assert decide(mix(can=1.0), RULES, touching) == Ruling("reject", "unknown-item")
    assert decide(mix(can=1.0), replace(RULES, reject_touching=False), touching) == Ruling("metal", "classified")


def test_a_class_that_belongs_among_the_rejects_is_classified() -> None:
    """It is no failure to know that something is waste; not to know it is."""
    waste = replace(RULES, bins={**RULES.bins, "leaf": "reject"})

    assert decide(mix(leaf=0.9, can=0.1), waste, IN_TIME) == Ruling("reject", "classified")
    assert decide(mix(leaf=0.5, can=0.5), waste, IN_TIME) == Ruling("reject", "unsure")


def test_the_rules_are_those_of_the_configuration(tmp_path: Path, line_file: Any) -> None:
    """Bins, reject bin, confidence and its exceptions, protected classes, what is done with touching things."""
    more = (
        "[routing]\nmin_confidence = 0.7\nbins = {other = 'reject'}\ntouching = 'reject'\n"
        "[routing.min_confidence_of]\nother = 0.9\n[routing.protect]\nkitchen = 0.05\n"
    )
    config = load_config(line_file(tmp_path / "a.bundle", "x", more=more))

    rules = rules_of(config, ("kitchen", "other"))

    assert rules == Rules(
        bins={"kitchen": "kitchen", "other": "reject"},
        reject="reject",
        min_confidence={"kitchen": 0.7, "other": 0.9},
        costs={},
        protect={"kitchen": 0.05},
        reject_touching=True,
    )


def forbidden(probabilities: Mapping[str, float], rules: Rules, name: str) -> bool:
    """Whether a protected class that is too probable does not belong in the bin."""
    return name != "reject" and any(
        probabilities[label] > limit and rules.bins[label] != name for label, limit in rules.protect.items()
    )
