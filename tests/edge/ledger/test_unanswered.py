from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.ledger.ledger import Ledger
from edge.ledger.unanswered import BATCH, FIRST_MS, GRACE_MS, LONGEST_MS, OPEN, Unanswered
from edge.wire.messages import Answer, Ask, BinDecision, Outcome

Make = Callable[..., BinDecision]
DUE_MS = 1_000.0 + 200.0 + GRACE_MS


@pytest.fixture
def made(a_decision: Make) -> Make:
    """A decision of 1,000 ms that is valid for 200."""
    return lambda seq, **fields: a_decision(**{"t_ms": 1_000.0, "valid_ms": 200.0, "seq": seq, "item": seq, **fields})


def seqs(questions: list[Ask]) -> list[list[int]]:
    """What each asks for."""
    return [[one.seq for one in question.decisions] for question in questions]


def ask(open_: Unanswered, now_ms: float) -> list[list[int]]:
    """What is asked now."""
    return seqs(list(open_.questions(now_ms)))


def test_an_answer_has_its_time_before_it_is_asked_for(made: Make) -> None:
    """As long as the decision is valid, and a little longer."""
    open_ = Unanswered()
    for seq in (1, 2):
        open_.add(made(seq))
    open_.answered("boot-1", 1)

    assert ask(open_, DUE_MS - 1) == []
    assert ask(open_, DUE_MS + 1) == [[2]]


def test_who_does_not_answer_is_asked_ever_more_rarely(made: Make) -> None:
    """But for ever, so that a gate that is back tells what it did."""
    open_ = Unanswered()
    open_.add(made(1))

    asked_ms = [now_ms for now_ms in map(float, range(2_000, 60_000, 100)) if ask(open_, now_ms)]

    waits_ms = [later - earlier for earlier, later in pairwise(asked_ms)]
    assert waits_ms[:4] == [FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS, LONGEST_MS]
    assert set(waits_ms[4:]) == {LONGEST_MS}


def test_who_answers_is_asked_on_at_once(made: Make) -> None:
    """A question is short; thousands of answers are caught up on in as many round trips as it takes."""
    open_ = Unanswered()
    for seq in range(2 * BATCH + 10):
        open_.add(made(seq))
    rounds, now_ms = [], DUE_MS
    while len(open_):
        now_ms += 20
        ((chosen,),) = [ask(open_, now_ms)]
        rounds.append(len(chosen))
        for seq in chosen:
            open_.answered("boot-1", seq)

    assert rounds == [BATCH, BATCH, 10]


def test_any_answer_ends_the_long_wait(made: Make) -> None:
    """A gate that is back answers what is new: then it is there for what is old."""
    open_ = Unanswered()
    open_.add(made(1))
    asked_ms = [now_ms for now_ms in map(float, range(2_000, 30_000, 100)) if ask(open_, now_ms)][-1]
    open_.add(made(2, t_ms=asked_ms))
    open_.answered("boot-1", 2)

    assert ask(open_, asked_ms + FIRST_MS) == [[1]]


def test_one_that_stays_silent_does_not_hold_up_the_others(made: Make) -> None:
    """What was asked for longest ago has its turn first."""
    open_ = Unanswered()
    for seq in range(BATCH + 1):
        open_.add(made(seq))

    first, second = ask(open_, DUE_MS + 1), ask(open_, DUE_MS + 1 + FIRST_MS)

    assert first == [list(range(BATCH))]
    assert second[0][0] == BATCH


def test_a_question_is_of_one_boot_and_one_bin(made: Make) -> None:
    """As its topic and its `boot` say; what an earlier run has left open is asked for at once."""
    open_ = Unanswered()
    open_.add_earlier(made(1, boot="boot-0", line="l1"))
    open_.add_earlier(made(2, boot="boot-1", bin="kitchen"))
    open_.add(made(3))

    early = [(one.boot, one.bin) for one in open_.questions(1.0)]
    open_.answered("boot-0", 1)
    late = [(one.boot, one.bin) for one in open_.questions(DUE_MS + 1)]

    assert early == [("boot-0", "recyclable"), ("boot-1", "kitchen")]
    assert ("boot-1", "recyclable") in late


def test_a_bin_without_a_gate_takes_no_memory_for_ever(made: Make) -> None:
    """The newest stay, and those of other bins."""
    open_ = Unanswered()
    open_.add(made(0, bin="kitchen"))
    for seq in range(1, OPEN + 11):
        open_.add(made(seq))

    assert len(open_) == OPEN + 1
    assert ask(open_, DUE_MS + 1) == [[0], list(range(11, 11 + BATCH))]


@pytest.mark.parametrize(("outcome", "still"), [("fired", 0), ("unknown", 0), ("duplicate", 1)])
def test_the_ledger_knows_what_is_open(tmp_path: Path, made: Make, outcome: Outcome, still: int) -> None:
    """A `duplicate` tells nothing of the movement: the answer itself is still asked for."""
    with Ledger(tmp_path / "ledger.db", 100) as ledger:
        decision = ledger.record(made)
        unpublished = len(ledger.unanswered)
        ledger.mark_published(decision)
        published = len(ledger.unanswered)
        names = {"line": "l1", "boot": "boot-1", "bin": "recyclable", "gate": "g"}
        ledger.answer(Answer(**names, seq=decision.seq, item=1, outcome=outcome))
        ledger.flush()

        assert (unpublished, published, len(ledger.unanswered)) == (0, 1, still)


def test_the_next_run_asks_for_what_this_one_leaves_open(tmp_path: Path, made: Make) -> None:
    """Also for the last one of all, which may have been sent before it was marked; not for others that were not."""
    with Ledger(tmp_path / "ledger.db", 100) as ledger:
        sent, unsent, last = (ledger.record(made) for _ in range(3))
        ledger.mark_published(sent)

    with Ledger(tmp_path / "ledger.db", 100) as ledger:
        assert seqs(list(ledger.unanswered.questions(1.0))) == [[sent.seq, last.seq]]
        assert unsent.seq < last.seq


def test_an_answer_of_another_boot_closes_nothing(made: Make) -> None:
    """A number alone does not say which decision is meant."""
    open_ = Unanswered()
    open_.add(replace(made(1), boot="boot-2"))

    open_.answered("boot-1", 1)

    assert len(open_) == 1
