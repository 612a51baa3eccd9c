from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.errors import ConfigError
from edge.gate.driver import Inputs
from edge.gate.journal import Journal
from edge.gate.rules import LATCH_AFTER
from edge.gate.sender import SILENCE_MS
from edge.wire.messages import Answer, BinDecision, Status
from tests.edge.gate.bench import OFFSET_MS, Bench, PowerCutError, ask, beat

Make = Callable[..., BinDecision]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Drive, journal and rules."""
    bench = Bench(tmp_path / "journal.db")
    yield bench
    bench.journal.__exit__(None, None, None)


@pytest.fixture
def due_at(a_decision: Make) -> Make:
    """A decision that left at 10,000 ms and is due at `ms`, valid 100 longer."""

    def make(ms: float, **fields: Any) -> BinDecision:
        t_ms = 10_000 - OFFSET_MS
        return a_decision(
            **{"t_ms": t_ms, "act_t_ms": ms - OFFSET_MS, "valid_ms": ms - 10_000 + 100.0, "reach_mm": 0.0, **fields}
        )

    return make


def test_gate_opens_and_closes_again(bench: Bench, due_at: Make) -> None:
    """A movement holds the gate open for its time."""
    bench.plan(due_at(10_100))

    answers = bench.at(10_100)
    opened = bench.plunger.is_open
    bench.at(10_100 + 200)

    assert [answer.outcome for answer in answers] == ["fired"]
    assert (opened, bench.plunger.is_open, bench.plunger.opened) == (True, False, 1)


def test_intent_wakes_the_gate_before_the_movement(bench: Bench, due_at: Make) -> None:
    """The disk has its time before the item is there: the intent is written 30 ms ahead, the movement is in time."""
    decision = due_at(10_100)
    bench.plan(decision)
    bench.at(10_010)

    first = bench.movements.wake_ms
    bench.at(first)

    assert first == pytest.approx(10_070)
    noted = bench.journal.recall(decision.boot, decision.seq)
    assert noted is not None
    assert noted.outcome == "unknown"
    assert bench.movements.wake_ms == pytest.approx(10_100)


def test_gate_that_must_not_look_now_sleeps(bench: Bench, due_at: Make) -> None:
    """Sensors that are due just before a movement wait for its end, and the gate is not awake for them meanwhile."""
    bench.plan(due_at(10_150))

    waits_ms = []
    for now_ms in (10_010, 10_111, 10_121):
        bench.at(now_ms)
        waits_ms.append(bench.movements.wake_ms - now_ms)

    assert waits_ms == pytest.approx([100, 9, 29])


def test_silence_wakes_the_gate(bench: Bench) -> None:
    """It is safe when the third heartbeat is missing, not at the next look at something else."""
    bench.at(10_700)

    wakes_ms = bench.movements.wake_ms
    bench.at(wakes_ms + 0.1)

    assert wakes_ms == 10_000 + SILENCE_MS
    assert bench.rules.report.state == "safe"


@pytest.mark.parametrize(("when", "moved"), [("before", 0), ("after", 1)])
def test_crash_in_the_movement_is_answered_unknown(bench: Bench, due_at: Make, when: str, moved: int) -> None:
    """Nobody knows whether it moved: it is never called fired, and a copy does not move it again."""
    decision = due_at(10_100)
    bench.plan(decision)
    bench.plunger.cut = when
    with pytest.raises(PowerCutError):
        bench.at(10_100)

    bench.crash()
    (answer,) = bench.asked(decision.seq)
    copy = bench.plan(decision)
    bench.at(10_110)

    assert (answer.seq, answer.outcome) == (decision.seq, "unknown")
    assert isinstance(copy, Answer)
    assert copy.outcome == "duplicate"
    assert bench.plunger.opened == moved


def test_crash_before_the_answer_is_sent_keeps_it(bench: Bench, due_at: Make) -> None:
    """What has surely moved is answered `fired` after the restart, word for word, as often as it is asked for."""
    decision = due_at(10_100)
    bench.plan(decision)
    (fired,) = bench.at(10_100)

    bench.crash()

    assert bench.asked(decision.seq) == bench.asked(decision.seq) == [fired]


def test_crash_before_the_movement_expires_what_was_planned(bench: Bench, due_at: Make) -> None:
    """Nothing moved for sure: `expired`, and it stays that way."""
    decision = due_at(11_000)
    bench.plan(decision)

    bench.crash()

    assert [answer.outcome for answer in bench.asked(decision.seq)] == ["expired"]
    assert isinstance(bench.plan(decision), Answer)


def test_duplicate_does_not_count_as_the_answer(bench: Bench, due_at: Make) -> None:
    """A copy is answered at once; whoever asks is told of the decision itself."""
    decision = due_at(10_100)
    bench.plan(decision)
    for copy in (decision, due_at(11_000, seq=2**70)):
        answer = bench.plan(copy)
        assert isinstance(answer, Answer)
        bench.movements.settle([answer])
    (fired,) = bench.at(10_100)

    assert bench.asked(decision.seq) == [fired]


def test_what_still_waits_is_answered_when_it_is_done(bench: Bench, due_at: Make) -> None:
    """A question does not cancel a movement, nor is it answered before it."""
    decision = due_at(10_100)
    bench.plan(decision)

    early = bench.asked(decision.seq)
    done = bench.at(10_100)

    assert early == []
    assert [answer.outcome for answer in done] == ["fired"]


def test_what_never_came_has_expired_and_never_moves(bench: Bench, due_at: Make) -> None:
    """A decision that a network holds back comes after the daemon was told that nothing moved: so it stays."""
    bench.plan(due_at(10_100, seq=1))
    late = due_at(11_000, seq=2)

    (told,) = bench.asked(late.seq)
    bench.crash()
    copy = bench.plan(late)
    bench.at(11_000)

    assert (told.seq, told.outcome, told.detail) == (2, "expired", "never came")
    assert isinstance(copy, Answer)
    assert (copy.outcome, bench.plunger.opened) == ("duplicate", 0)
    assert bench.asked(late.seq) == [told]


def test_what_was_before_the_journal_began_is_unknown(bench: Bench, due_at: Make) -> None:
    """A gate whose journal is new cannot tell what its predecessor did, and says so."""
    before = bench.asked(4)
    bench.plan(due_at(10_100, seq=7))

    after = bench.asked(4, 8)

    assert [answer.outcome for answer in before] == ["unknown"]
    assert [(answer.seq, answer.outcome) for answer in after] == [(4, "unknown"), (8, "expired")]


def test_what_the_journal_has_forgotten_is_unknown(bench: Bench, due_at: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is bounded; what was dropped from it, also out of order, is never said not to have come."""
    monkeypatch.setattr("edge.gate.journal.KEPT", 2)
    for number, seq in enumerate((3, 1, 2, 5)):
        bench.plan(due_at(10_100 + number, seq=seq))
        bench.at(10_100 + number)

    bench.crash()

    told = [answer.outcome for answer in bench.asked(1, 2, 3, 5, 6)]
    assert told == ["unknown", "fired", "unknown", "fired", "expired"]


def test_question_of_another_line_or_bin_is_not_ours(bench: Bench) -> None:
    """Nor is a number that JSON cannot carry exactly."""
    questions = (
        replace(ask(1), line="l2"), replace(ask(1), bin="other"), ask(-1), ask(2**53),
    )  # fmt: skip

    assert [bench.movements.recall(question) for question in questions] == [[], [], [], []]


def test_drive_that_fails_is_answered_unknown_and_reported(bench: Bench, due_at: Make) -> None:
    """Nobody knows how far it went; the gate goes to safety and reports a jam until the drive answers again."""
    bench.plan(due_at(10_100))
    bench.plunger.broken = True

    answers = bench.at(10_100)
    bench.movements._look_at_ms = 0
    bench.rules.inputs(full=False, jammed=True, detail="no air")

    assert [(answer.outcome, answer.detail) for answer in answers] == [("unknown", "no air")]
    assert bench.rules.report.state == "jammed"
    bench.at(10_400)
    assert bench.rules.report.state == "ready"


def test_trip_closes_an_open_gate(bench: Bench, due_at: Make) -> None:
    """The safe position is taken at once, not when the movement would have ended."""
    bench.plan(due_at(10_100))
    bench.at(10_100)
    opened = bench.plunger.is_open

    bench.rules.status(Status(line="l1", boot="boot-1", state="offline"), 10_110)
    bench.at(10_111)

    assert opened
    assert not bench.plunger.is_open


def test_reset_button_unlatches_once_per_press(bench: Bench) -> None:
    """A button that is held or stuck does not keep a gate from latching again."""
    bench.plunger.sensors = Inputs(reset=True)
    for press in range(2):
        for trip in range(LATCH_AFTER):
            now_ms = bench.now_ms + 1_000 * (trip + 1) + 20_000 * press
            bench.rules.heartbeat(beat(now_ms, boot=f"b{press}{trip}"), now_ms)
            bench.rules.status(Status(line="l1", boot=f"b{press}{trip}", state="offline"), now_ms)
        latched = bench.rules.report.state
        bench.at(now_ms + 100)
        assert (latched, bench.rules.report.state) == ("latched", "safe" if press == 0 else "latched")


def test_journal_of_another_gate_that_runs_is_refused(bench: Bench) -> None:
    """Two gates on one journal would each forget what the other did."""
    with pytest.raises(ConfigError, match="--journal: expected a file of this gate's own"):
        Journal(bench.path)
