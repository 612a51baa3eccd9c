import json
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jsonschema
import msgspec
import pytest

from edge.bundle.bundle import open_bundle
from edge.config import Config
from edge.config_file import load_config
from edge.sim.play import Truth
from edge.sim.settings import SceneSettings
from edge.sim.watch import Score, match, score
from edge.wire.messages import SCHEMA, Answer, BinDecision

ITEMS = 20
SCHEMAS = Path(__file__).parents[2] / "schemas"
CHECK_S = 60.0
AFTER_S = 0.7
"""How long after the last item something may still be decided that should not be."""
LEAST_RIGHT = 0.85
ACT_MEDIAN_MS = 10.0
"""Forgetting that a picture shows the item already past the line costs 15 to 20 ms at 30 frames a second, and counting
from the PUBLISH instead of from the picture more than 25."""
ACT_WORST_MS = 60.0
"""24 mm of belt, for boxes that hold a shadow or miss a pale end; the next gate is 375 ms away."""

FIELDS = {
    "schema": str,
    "line": str,
    "boot": str,
    "seq": int,
    "item": int,
    "bin": str,
    "reason": str,
    "label": str,
    "confidence": float,
    "probabilities": dict,
    "t_ms": float,
    "captured_t_ms": float,
    "act_t_ms": float,
    "act_in_ms": float,
    "valid_ms": float,
    "x_mm": float,
    "frames": int,
    "model": str,
    "captured_at": str,
}
"""Of a decision on an item that was seen: what DESIGN promises to gates."""


class Day(NamedTuple):
    """One run of a plant from its start to its clean stop, and all that was seen of it."""

    truth: Truth
    config: Config
    model: str
    """Bundle and variant that are to run."""
    decisions: list[BinDecision]
    answers: list[Answer]
    states: list[str]
    heard: list[Any]
    kept: Any
    """What the status topic tells whoever comes later."""
    ledger: list[Any]
    exit_status: int
    checked: "subprocess.CompletedProcess[str]"
    """`check` on the line's file while the line runs."""

    @property
    def score(self) -> Score:
        """Decisions and answers against the truth."""
        return score(self.truth, self.decisions, self.answers)


@pytest.fixture(scope="module")
def day(open_works: Any, shipped_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """20 items on the belt, watched until the last one is in its bin."""
    with open_works(tmp_path_factory.mktemp("plant")) as works:
        works.plant.start(SceneSettings(items=ITEMS, seed=1))
        checked = check(works.plant.config_path)
        truth = works.plant.begin()
        works.wait_for(lambda: is_over(truth, works.watch), timeout_s=seconds_of(truth))
        exit_status = works.plant.stop_daemon()
        heard = works.listener.all_within(0.5)
        with type(works.listener)(works.broker.host, works.broker.port, "sortline/demo/status") as late:
            kept = late.wait_for(lambda _: True)
        return Day(
            truth,
            load_config(works.plant.config_path),
            f"{open_bundle(shipped_bundle).manifest.id}/int8",
            list(works.watch.decisions),
            list(works.watch.answers),
            list(works.watch.statuses),
            heard,
            kept,
            works.ledger(),
            exit_status,
            checked,
        )


def test_all_that_is_sent_is_as_the_schemas_say(day: Day) -> None:
    """Every message of daemon and gates, on every topic, passes the committed JSON Schema of its topic."""
    schemas = {path.name.split(".")[0]: json.loads(path.read_text()) for path in SCHEMAS.glob("*.schema.json")}

    for message in day.heard:
        jsonschema.validate(json.loads(message.payload), schemas[message.topic.split("/")[2]])

    assert {message.topic.split("/")[2] for message in day.heard} >= {
        "decision",
        "answer",
        "heartbeat",
        "status",
        "stats",
    }


def test_every_item_gets_exactly_one_decision(day: Day) -> None:
    """None is missed, none is decided twice, nothing is decided that no item caused."""
    result = day.score

    assert (result.items, result.decisions) == (ITEMS, ITEMS)
    assert (result.missed, result.duplicates) == (0, 0)
    assert set(match(day.truth, day.decisions)) == set(range(ITEMS))


def test_the_gate_of_its_bin_fires_every_decision(day: Day) -> None:
    """One answer per decision, by the gate of the decision's bin, in time to move the item that was meant."""
    bins = {decision.seq: decision.bin for decision in day.decisions}

    answered = {answer.seq: answer for answer in day.answers}

    assert len(day.answers) == len(bins)
    assert {seq: (answer.gate, answer.outcome) for seq, answer in answered.items()} == {
        seq: (name, "fired") for seq, name in bins.items()
    }
    for answer in day.answers:
        assert answer.error_ms is not None
        assert 0 <= answer.error_ms < day.config.gates[answer.bin].reach_mm / day.config.belt.speed_mm_s * 1000


def test_decisions_go_to_the_topic_of_their_bin(day: Day) -> None:
    """At QoS 1, never retained, and forgotten by the broker when their validity ends."""
    sent = [heard for heard in day.heard if "/decision/" in heard.topic]

    assert len(sent) == ITEMS
    for heard in sent:
        decision = msgspec.json.decode(heard.payload, type=BinDecision)
        assert heard.topic == f"sortline/demo/decision/{decision.bin}"
        assert (heard.qos, heard.retained) == (1, False)
        assert heard.expiry_s is not None
        assert decision.valid_ms <= heard.expiry_s * 1000 < decision.valid_ms + 1000


def test_decisions_say_all_that_was_promised(day: Day) -> None:
    """Every field of the wire format, of its type, and in agreement with the others."""
    labels = set(day.config.gates) - {"reject"}

    for raw in [json.loads(heard.payload) for heard in day.heard if "/decision/" in heard.topic]:
        assert {name: type(raw.get(name)) for name in FIELDS} == FIELDS
        assert (raw["schema"], raw["line"], raw["model"]) == (SCHEMA, "demo", day.model)
        assert set(raw["probabilities"]) == labels
        assert sum(raw["probabilities"].values()) == pytest.approx(1, abs=0.001)
        assert raw["confidence"] == raw["probabilities"][raw["label"]] == max(raw["probabilities"].values())
        assert raw["bin"] == {"classified": raw["label"], "unsure": "reject", "unknown-item": "reject"}[raw["reason"]]
        assert raw["act_in_ms"] == pytest.approx(raw["act_t_ms"] - raw["t_ms"], abs=0.01)
        assert raw["captured_t_ms"] < raw["t_ms"] < raw["act_t_ms"] <= raw["t_ms"] + raw["valid_ms"]
        assert raw["frames"] >= 1
        assert datetime.fromisoformat(raw["captured_at"]).utcoffset() is not None


def test_the_numbers_of_decisions_rise(day: Day) -> None:
    """Both seq and item grow with every decision of the one boot."""
    numbers = [(decision.seq, decision.item) for decision in day.decisions]

    assert len({decision.boot for decision in day.decisions}) == 1
    assert all(earlier < later for earlier, later in pairwise(numbers))
    assert len({seq for seq, _ in numbers}) == len({item for _, item in numbers}) == ITEMS


def test_the_gate_acts_when_the_item_is_there(day: Day) -> None:
    """act_t_ms is the true passage of the item's centre at the gate of its bin, however late the picture was."""
    crosses_t_ms = {item.number: item.crosses_t_ms for item in day.truth.items}
    matched = match(day.truth, day.decisions)

    errors_ms = [
        decision.act_t_ms - crosses_t_ms[number] - ride_ms(day.config, decision.bin)
        for number, about in matched.items()
        if number is not None
        for decision in about
    ]

    assert abs(median(errors_ms)) <= ACT_MEDIAN_MS, errors_ms
    assert max(map(abs, errors_ms)) <= ACT_WORST_MS, errors_ms


def test_the_shipped_model_knows_the_rendered_items(day: Day) -> None:
    """At least 85 % of them go to the bin of their true class; an unsure one, which is rejected, counts as wrong."""
    result = day.score

    assert result.right >= LEAST_RIGHT * ITEMS, result


def test_the_status_goes_from_online_to_stopped(day: Day) -> None:
    """Nothing in between, exit status 0, and whoever comes later finds `stopped` with its reason."""
    assert day.states == ["online", "stopped"]

    assert day.exit_status == 0
    assert day.kept.retained
    kept = json.loads(day.kept.payload)
    assert (kept["state"], kept["reasons"]) == ("stopped", ["signal"])
    assert kept["boot"] == day.decisions[0].boot


def test_the_ledger_holds_every_decision_once_with_its_outcome(day: Day) -> None:
    """What was sent is what was recorded, marked as published, with the gate's answer."""
    sent = {decision.seq: msgspec.to_builtins(decision) for decision in day.decisions}

    assert {row.seq: row.decision for row in day.ledger} == sent
    assert {(row.published, row.outcome) for row in day.ledger} == {(True, "fired")}


def test_the_figures_agree_with_what_was_sent(day: Day) -> None:
    """The last stats count every decision by bin and every answer by outcome."""
    stats = [json.loads(heard.payload) for heard in day.heard if heard.topic == "sortline/demo/stats"][-1]

    assert stats["decisions"] == dict(Counter(decision.bin for decision in day.decisions))
    assert stats["answers"] == {"fired": ITEMS}
    assert stats["unpublished"] == 0


def test_a_running_line_can_be_checked(day: Day) -> None:
    """Every row is ok and the exit status 0, and the line goes on as if nothing had been."""
    rows = [row.split()[:2] for row in day.checked.stdout.splitlines()[:-1]]

    assert day.checked.returncode == 0, day.checked.stdout
    assert rows == [["ok", part] for part in ("configuration", "bundle", "provider", "camera", "broker")]
    assert json.loads(day.checked.stdout.splitlines()[-1])["passed"] is True


def is_over(truth: Truth, watch: Any) -> bool:
    """Whether the last item has crossed a while ago and every decision is answered, or no answer can come any more."""
    now_ms, last_ms = time.monotonic() * 1000, truth.items[-1].crosses_t_ms
    answered = len(watch.answers) >= max(len(watch.decisions), 1)
    return (answered and now_ms > last_ms + AFTER_S * 1000) or now_ms > truth.ends_t_ms + 1000


def seconds_of(truth: Truth) -> float:
    """From now to the end of the belt, with some to spare."""
    return truth.ends_t_ms / 1000 - time.monotonic() + 5


def ride_ms(config: Config, bin_name: str) -> float:
    """From the line to a bin's gate."""
    return config.gates[bin_name].distance_mm / config.belt.speed_mm_s * 1000


def check(config_path: Path) -> "subprocess.CompletedProcess[str]":
    """Run `check FILE --json`."""
    command = [sys.executable, "-m", "edge", "check", str(config_path), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=CHECK_S)
