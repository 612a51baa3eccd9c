import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gate.rules import Actuation, Gate
from edge.gate.sender import SILENCE_MS
from edge.wire.messages import Answer, BinDecision, Heartbeat, Status
from tests.edge.gate.bench import OFFSET_MS, beat

Make = Callable[..., BinDecision]


@pytest.fixture
def gate() -> Gate:
    """A gate of bin `recyclable` that has just heard boot-1 without delay, at 10,000 ms."""
    gate = Gate("l1", "recyclable", "g1")
    gate.heartbeat(beat(10_000), 10_000)
    return gate


@pytest.fixture
def sent_at(a_decision: Make) -> Make:
    """A decision that left when the gate's clock said `ms`: due 50 ms later, valid for 200."""

    def make(ms: float, **fields: Any) -> BinDecision:
        return a_decision(**{"t_ms": ms - OFFSET_MS, **fields})

    return make


def test_fires_once_at_the_planned_time(gate: Gate, sent_at: Make) -> None:
    """A decision moves the gate once, when the item is there, however late the message arrived."""
    planned = gate.decide(sent_at(10_100), 10_130)

    too_early, _ = gate.due(10_149.9)
    (plan,), dropped = gate.due(10_150.5)
    again, _ = gate.due(10_151)

    assert planned == plan
    assert plan.at_ms == pytest.approx(10_150)
    assert (too_early, dropped, again) == ([], [], [])
    answer = gate.fired(plan, 10_150.5)
    assert (answer.outcome, answer.seq, answer.gate) == ("fired", 1, "g1")
    assert answer.error_ms == pytest.approx(0.5)


def test_planned_movements_come_in_order_of_time(gate: Gate, sent_at: Make) -> None:
    """A later decision for an earlier item moves first."""
    gate.decide(sent_at(10_000, seq=1, act_t_ms=5_090.0), 10_000)
    gate.decide(sent_at(10_000, seq=2, act_t_ms=5_020.0), 10_001)

    first, _ = gate.due(10_050)

    assert [plan.decision.seq for plan in first] == [2]
    assert gate.planned[0].decision.seq == 1


def test_duplicate_moves_nothing(gate: Gate, sent_at: Make) -> None:
    """The same seq again is answered and not planned, also when another one came in between."""
    for seq in (7, 8):
        gate.decide(sent_at(10_000, seq=seq), 10_001)

    again = [gate.decide(sent_at(10_000, seq=seq), 10_002) for seq in (8, 7)]

    assert [answer.outcome for answer in again if isinstance(answer, Answer)] == ["duplicate", "duplicate"]
    assert len(gate.planned) == 2


def test_overtaken_decision_still_counts(gate: Gate, sent_at: Make) -> None:
    """A network that turns two decisions round loses neither."""
    for seq in (8, 7):
        gate.decide(sent_at(10_000, seq=seq), 10_001)

    ready, _ = gate.due(10_050)

    assert {plan.decision.seq for plan in ready} == {7, 8}


def test_late_arrival_expires(gate: Gate, sent_at: Make) -> None:
    """A decision that comes after its validity is answered `expired`; one that comes just before is planned."""
    in_time = gate.decide(sent_at(10_000, seq=1), 10_199)
    late = gate.decide(sent_at(10_000, seq=2), 10_200)

    assert isinstance(in_time, Actuation)
    assert isinstance(late, Answer)
    assert late.outcome == "expired"


def test_movement_never_happens_after_the_validity(gate: Gate, sent_at: Make) -> None:
    """A gate that was itself too busy at the planned time does not move afterwards."""
    gate.decide(sent_at(10_100), 10_101)

    ready, dropped = gate.due(10_300)

    assert ready == []
    assert [answer.outcome for answer in dropped] == ["expired"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"bin": "other"}, "expected bin recyclable, found other"),
        ({"line": "l2"}, "expected line l1, found l2"),
        ({"boot": "boot-0"}, "expected boot boot-1, found boot-0"),
        ({"schema": "2.0"}, "expected schema 1.x, found 2.0"),
    ],
)
def test_foreign_decision_is_rejected(gate: Gate, sent_at: Make, fields: dict[str, str], why: str) -> None:
    """What is not for this gate, from this boot, in this version moves nothing, and the answer says why."""
    answer = gate.decide(sent_at(10_000, **fields), 10_001)

    assert isinstance(answer, Answer)
    assert (answer.outcome, answer.detail) == ("rejected", why)
    assert gate.planned == []


def test_retained_decision_is_rejected(gate: Gate, sent_at: Make) -> None:
    """A decision that a broker has kept is refused, however fresh it looks."""
    answer = gate.decide(sent_at(10_000), 10_001, retained=True)

    assert isinstance(answer, Answer)
    assert answer.outcome == "rejected"


def test_what_was_rejected_is_not_done_later(gate: Gate, sent_at: Make) -> None:
    """The ledger keeps the first answer to a seq: a copy of a refused decision must not make it untrue."""
    gate.decide(sent_at(10_000, seq=5, bin="other"), 10_001)

    copy = gate.decide(sent_at(10_000, seq=5), 10_002)

    assert isinstance(copy, Answer)
    assert copy.outcome == "duplicate"


def test_nothing_is_taken_before_somebody_vouches(sent_at: Make) -> None:
    """A gate that has just started takes no decision before a heartbeat or a status of its boot."""
    gate = Gate("l1", "recyclable", "g1")

    before = gate.decide(sent_at(10_000), 10_001)
    gate.status(Status(line="l1", boot="boot-1", state="online"), 10_002)
    after = gate.decide(sent_at(10_000, seq=2), 10_003)

    assert isinstance(before, Answer)
    assert before.outcome == "rejected"
    assert isinstance(after, Actuation)


def test_without_offset_counts_from_receipt(a_decision: Make) -> None:
    """While no heartbeat told the offset, the decision's own "in so many ms" is counted from its arrival."""
    gate = Gate("l1", "recyclable", "g1")
    gate.status(Status(line="l1", boot="boot-1", state="online"), 0)

    plan = gate.decide(a_decision(t_ms=1e9, act_in_ms=50.0, valid_ms=200.0), 100)

    assert isinstance(plan, Actuation)
    assert (plan.at_ms, plan.until_ms) == (150, 300)


def test_new_boot_replaces_the_old_one_for_ever(gate: Gate, sent_at: Make) -> None:
    """What an earlier boot planned is dropped, and neither its heartbeat nor its will nor its clock comes back."""
    gate.decide(sent_at(10_000, seq=900), 10_001)

    dropped = gate.heartbeat(Heartbeat(line="l1", boot="boot-2", t_ms=10.0, state="online"), 10_010)
    gate.heartbeat(beat(10_020), 10_020)
    gate.status(Status(line="l1", boot="boot-1", state="offline"), 10_030)

    assert [answer.outcome for answer in dropped] == ["expired"]
    assert isinstance(gate.decide(sent_at(10_030, seq=901), 10_031), Answer)
    plan = gate.decide(sent_at(10_030, seq=1, boot="boot-2", t_ms=30.0, act_t_ms=80.0), 10_032)
    assert isinstance(plan, Actuation)
    assert plan.at_ms == pytest.approx(10_080)


def test_last_will_drops_what_was_planned(gate: Gate, sent_at: Make) -> None:
    """When the daemon is gone the gate forgets its plans, says so, and takes no more until a heartbeat."""
    gate.decide(sent_at(10_000), 10_001)

    (dropped,) = gate.status(Status(line="l1", boot="boot-1", state="offline"), 10_010)

    assert (dropped.outcome, dropped.detail) == ("expired", "the daemon is offline")
    assert isinstance(gate.decide(sent_at(10_010, seq=2), 10_011), Answer)
    gate.heartbeat(beat(10_020), 10_020)
    assert isinstance(gate.decide(sent_at(10_020, seq=3), 10_021), Actuation)


def test_silence_drops_what_was_planned(gate: Gate, sent_at: Make) -> None:
    """Three missed heartbeats count as a dead daemon."""
    gate.decide(sent_at(10_000, act_t_ms=9_000.0, valid_ms=9_000.0), 10_001)

    before = gate.due(10_000 + SILENCE_MS)
    _, dropped = gate.due(10_000 + SILENCE_MS + 1)

    assert before == ([], [])
    assert [(answer.outcome, answer.detail) for answer in dropped] == [("expired", "no heartbeat")]


def test_offset_is_the_least_delayed_heartbeat(sent_at: Make) -> None:
    """With delays from 0.2 to 900 ms the offset is right to the least delay, and a late decision is seen to be late."""
    gate, chance = Gate("l1", "recyclable", "g1"), random.Random(1)
    for number in range(40):
        sent_ms = 10_000 + 250.0 * number
        gate.heartbeat(beat(sent_ms), sent_ms + (0.2 if number == 17 else chance.uniform(20, 900)))

    late = gate.decide(sent_at(19_750), 19_750 + 205)

    assert gate.offset_ms == pytest.approx(OFFSET_MS + 0.2, abs=5)
    assert isinstance(late, Answer)
    assert late.outcome == "expired"


def test_quick_decision_tells_the_clock_better_than_slow_heartbeats(sent_at: Make) -> None:
    """Whatever is here has taken some time: it was not sent later than that."""
    gate = Gate("l1", "recyclable", "g1")
    gate.heartbeat(beat(10_000), 10_040)

    slow = gate.decide(sent_at(10_050, seq=1), 10_200)
    quick = gate.decide(sent_at(10_050, seq=2), 10_050.5)

    assert isinstance(slow, Actuation)
    assert isinstance(quick, Actuation)
    assert slow.at_ms == pytest.approx(10_100 + 40, abs=0.1)
    assert quick.at_ms == pytest.approx(10_100 + 0.5, abs=0.1)


def test_offset_follows_a_drifting_clock(gate: Gate) -> None:
    """An old lucky heartbeat is forgotten as fast as clocks drift, so that a daemon's that runs slow is followed."""
    for number in range(1, 400):
        now_ms = 10_000 + 250.0 * number
        gate.heartbeat(beat(now_ms - 0.02 * number), now_ms)

    assert gate.offset_ms == pytest.approx(OFFSET_MS + 0.02 * 399)


def test_slow_network_is_not_taken_for_a_slow_clock(gate: Gate, sent_at: Make) -> None:
    """With everything two seconds late for ten minutes, heartbeats are no sign of life and decisions are late."""
    for number in range(1, 2_400):
        gate.heartbeat(beat(10_000 + 250.0 * number), 12_000 + 250.0 * number)
    gate.due(12_000 + 250.0 * 2_400)

    answer = gate.decide(sent_at(10_000 + 250.0 * 2_400), 12_000 + 250.0 * 2_400)

    assert isinstance(answer, Answer)
    assert (answer.outcome, answer.detail) == ("rejected", "no heartbeat")


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 400), st.integers(0, 2)), max_size=40))
def test_no_seq_fires_twice_and_none_late(deliveries: list[tuple[int, float, int]]) -> None:
    """Whatever is repeated, reordered or delayed: a seq fires at most once and only within its validity."""
    gate, fired = Gate("l1", "recyclable", "g1"), list[int]()
    gate.heartbeat(beat(10_000), 10_000)
    now_ms = 10_000.0
    for seq, delay_ms, pause in deliveries:
        now_ms += pause * 37.0
        gate.heartbeat(beat(now_ms), now_ms)
        gate.decide(A_DECISION(seq, sent_ms=now_ms - delay_ms), now_ms)
        ready, _ = gate.due(now_ms + 30)
        now_ms += 30
        for plan in ready:
            assert now_ms < plan.decision.t_ms + OFFSET_MS + plan.decision.valid_ms + 1e-6
            fired.append(plan.decision.seq)
    assert len(fired) == len(set(fired))


def A_DECISION(seq: int, sent_ms: float) -> BinDecision:  # noqa: N802 - hypothesis and fixtures do not mix
    """A decision that left when the gate's clock said `sent_ms`."""
    t_ms = sent_ms - OFFSET_MS
    fields = {"act_t_ms": t_ms + 50, "act_in_ms": 50.0, "valid_ms": 200.0, "t_ms": t_ms, "captured_t_ms": t_ms}
    names = {"line": "l1", "boot": "boot-1", "bin": "recyclable", "reason": "classified", "model": "m"}
    nothing = {"label": None, "confidence": None, "probabilities": None, "x_mm": 0.0, "frames": 1, "captured_at": ""}
    return msgspec.convert({**fields, **names, **nothing, "seq": seq, "item": seq}, BinDecision)
