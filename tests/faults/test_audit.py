from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from edge.ledger.reader import Entry
from edge.wire.messages import Answer, BinDecision
from tests.faults.audit import Audit, audit
from tests.faults.movements import Movement

Make = Callable[..., BinDecision]
NOW_MS = 1_000.0


def told(decision: BinDecision, outcome: str | None = "fired") -> Entry:
    """A published decision and what the gate said of it."""
    fields = {"line": "l1", "boot": decision.boot, "seq": decision.seq, "item": decision.item, "bin": "b", "gate": "g"}
    return Entry(decision, published=True, answer=Answer(**fields, outcome=outcome) if outcome else None)


def moved(decision: BinDecision, at_ms: float | None = None, clock_ms: float = 0.0) -> Movement:
    """When it was due, or at `at_ms`."""
    at_ms = decision.act_t_ms if at_ms is None else at_ms
    return Movement(at_ms, at_ms, clock_ms, decision.boot, decision.seq)


@pytest.fixture
def three(a_decision: Make) -> list[BinDecision]:
    """The decisions of a short run, 10 ms apart, each valid for 200 ms."""
    return [
        a_decision(seq=seq, item=seq, t_ms=NOW_MS + 10 * seq, captured_t_ms=NOW_MS + 10 * seq - 1) for seq in (5, 6, 7)
    ]


def test_sound_run_is_sound(three: list[BinDecision]) -> None:
    """One fired, one expired, one that was never sent: nothing is wrong with it."""
    entries = [told(three[0]), told(three[1], "expired"), Entry(three[2], published=False, answer=None)]

    found = audit(entries, [moved(three[0])])

    assert found.sound
    assert (found.decisions, found.moved, found.fired, found.unanswered) == (3, 1, 1, 0)


BROKEN: dict[str, Callable[[list[BinDecision]], tuple[list[Entry], list[Movement]]]] = {
    "gaps": lambda three: ([told(three[0]), told(three[2])], [moved(three[0]), moved(three[2])]),
    "twice": lambda three: ([told(three[0])], [moved(three[0]), moved(three[0])]),
    "late": lambda three: ([told(three[0])], [moved(three[0], three[0].t_ms + 206)]),
    "early": lambda three: ([told(three[0])], [moved(three[0], three[0].act_t_ms - 6)]),
    "untrue": lambda three: ([told(three[0])], []),
    "unanswered": lambda three: ([told(three[0], None)], []),
    "untold": lambda three: ([told(three[0], None)], [moved(three[0])]),
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_each_broken_promise_is_counted(wrong: str, three: list[BinDecision]) -> None:
    """And no other one with it."""
    found = audit(*BROKEN[wrong](three))

    assert {name: bool(getattr(found, name)) for name in BROKEN} == {name: name == wrong for name in BROKEN}
    assert not found.sound


def test_nobody_answers_for_a_bin_without_a_gate(three: list[BinDecision]) -> None:
    """What comes too late for its gate is sent to the reject bin, which waits for nobody's word."""
    late = replace(three[1], bin="reject", reason="late")

    found = audit([told(three[0]), told(late, None), told(three[2])], [moved(three[0]), moved(three[2])])

    assert (found.unanswered, found.sound) == (0, True)


def test_movement_that_is_said_to_be_none_is_untrue(three: list[BinDecision]) -> None:
    """`expired` and `rejected` promise that nothing moved."""
    found = [audit([told(three[0], outcome)], [moved(three[0])]) for outcome in ("expired", "rejected", "unknown")]

    assert [one.untrue for one in found] == [1, 1, 0]


@pytest.mark.parametrize(("clock_ms", "late", "sound"), [(0.5, 1, False), (15.0, 0, True), (25.0, 0, False)])
def test_late_is_what_a_gate_could_have_known(
    three: list[BinDecision], clock_ms: float, late: int, sound: bool
) -> None:
    """It knows the daemon's clock to the shortest way of a heartbeat, which has a bound of its own."""
    found = audit([told(three[0])], [moved(three[0], three[0].t_ms + 215, clock_ms)])

    assert (found.late, found.sound) == (late, sound)


def test_movement_without_a_decision_is_a_gap(three: list[BinDecision]) -> None:
    """Nothing may move that no ledger knows."""
    assert audit([told(three[0])], [moved(three[0]), moved(three[1])]).gaps == [
        "moved without a decision: ('boot-1', 6)"
    ]


def test_empty_ledger_is_not_sound() -> None:
    """Where nothing was decided nothing was tested."""
    assert not audit([], []).sound


def test_verdict_is_told_in_words(three: list[BinDecision]) -> None:
    """The table quotes every count."""
    found: Any = audit([told(three[0])], [moved(three[0])])

    assert isinstance(found, Audit)
    assert str(found) == (
        "1 decisions, 1 moved, 0 unanswered; 0 gaps, 0 twice, 0 late, 0 early, 0 untrue, 0 untold, "
        "latest -150 ms, clock known to 0.0 ms"
    )
