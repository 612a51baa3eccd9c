from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import load_config
from edge.decision import LEAST_LEAD_MS, Rules, Ruling, decide, rules_of
from edge.messages import Reason

RULES = Rules(
    bins={"can": "metal", "tin": "metal", "leaf": "green"},
    reject="reject",
    min_confidence=0.6,
    lead_ms={"metal": 1000.0, "green": 2000.0, "reject": 3000.0},
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    probabilities=st.none() | st.fixed_dictionaries(dict.fromkeys(RULES.bins, st.floats(0, 1))),
    age_ms=st.floats(0, 1e7),
)
def test_every_item_gets_a_known_bin_and_a_reason(probabilities: dict[str, float] | None, age_ms: float) -> None:
    """Whatever was seen, however late: a bin that has a gate, a reason of the wire format; only sure items sorted."""
    ruling = decide(probabilities, age_ms, RULES)

    assert ruling.bin in RULES.lead_ms
    assert ruling.reason in get_args(Reason)
    assert (ruling.bin == "reject") == (ruling.reason != "classified")
    if ruling.reason == "classified":
        assert probabilities is not None
        assert max(probabilities.values()) >= RULES.min_confidence


@pytest.mark.parametrize(
    ("probabilities", "age_ms", "ruling"),
    [
        ({"can": 0.7, "tin": 0.2, "leaf": 0.1}, 20, Ruling("metal", "classified")),
        ({"can": 0.1, "tin": 0.8, "leaf": 0.1}, 20, Ruling("metal", "classified")),
        ({"can": 0.6, "tin": 0.2, "leaf": 0.2}, 20, Ruling("metal", "classified")),
        ({"can": 0.59, "tin": 0.21, "leaf": 0.2}, 20, Ruling("reject", "unsure")),
        ({"can": 0.9, "tin": 0.1, "leaf": 0.0}, 1000 - LEAST_LEAD_MS, Ruling("metal", "classified")),
        ({"can": 0.9, "tin": 0.1, "leaf": 0.0}, 1001 - LEAST_LEAD_MS, Ruling("reject", "late")),
        ({"can": 0.0, "tin": 0.1, "leaf": 0.9}, 1001 - LEAST_LEAD_MS, Ruling("green", "classified")),
        (None, 20, Ruling("reject", "blocked-view")),
    ],
)
def test_sure_unsure_late_and_hidden(probabilities: dict[str, float] | None, age_ms: float, ruling: Ruling) -> None:
    """Sure and in time goes to its bin; unsure, late for that bin's own gate, or hidden goes to the reject bin."""
    decided = decide(probabilities, age_ms, RULES)

    assert decided == ruling


def test_the_rules_are_those_of_the_configuration(tmp_path: Path, line_file: Any) -> None:
    """Bins, reject bin, confidence, and the ride to each gate in ms at the belt's speed."""
    more = "[routing]\nmin_confidence = 0.7\nbins = {other = 'reject'}\n"
    config = load_config(line_file(tmp_path / "a.bundle", "x", more=more))

    rules = rules_of(config, ("kitchen", "other"))

    assert rules.bins == {"kitchen": "kitchen", "other": "reject"}
    assert (rules.reject, rules.min_confidence) == ("reject", 0.7)
    assert rules.lead_ms["reject"] == pytest.approx(3000 / config.belt.speed_mm_s * 1000)
