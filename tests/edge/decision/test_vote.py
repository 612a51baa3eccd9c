import itertools
import math
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.decision.vote import FLOOR, Vote

quick = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def ballots(draw: st.DrawFn, least: int = 1) -> list[list[float]]:
    """Some frames' probabilities of the same few classes, zeros among them."""
    classes = draw(st.integers(1, 6))
    weights = st.lists(st.sampled_from([0.0, 1e-9, 0.01, 0.5, 1.0, 7.0]), min_size=classes, max_size=classes)
    frames = draw(st.lists(weights.filter(any), min_size=least, max_size=8))
    return [[weight / sum(frame) for weight in frame] for frame in frames]


@quick
@given(frames=ballots())
def test_what_the_frames_say_sums_to_one(frames: list[list[float]]) -> None:
    """Whatever was answered, zeros too, the result is a distribution over the same classes."""
    result = voted(frames).probabilities()

    assert len(result) == len(frames[0])
    assert all(0 <= p <= 1 for p in result)
    assert math.fsum(result) == pytest.approx(1)


@quick
@given(frames=ballots(), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_frames_does_not_matter(frames: list[list[float]], seed: object) -> None:
    """Each frame has one voice, the first no more than the last."""
    shuffled = list(frames)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert voted(shuffled).probabilities() == pytest.approx(voted(frames).probabilities())


@quick
@given(frame=ballots().map(lambda frames: frames[0]), times=st.integers(1, 10))
def test_the_same_picture_again_makes_nothing_surer(frame: list[float], times: int) -> None:
    """Frames of one item are no independent witnesses: ten equal ones say what one says."""
    assert voted([frame] * times).probabilities() == pytest.approx(frame, abs=len(frame) * 2 * FLOOR)


@quick
@given(frames=ballots(), later=ballots(), lead=st.floats(0.5, 0.99), more=st.integers(0, 6))
def test_a_safe_lead_is_never_lost(frames: list[list[float]], later: list[list[float]], lead: float, more: int) -> None:
    """Stopped early, the winner is that of all frames, if no later one is surer of another than was allowed for."""
    vote = voted(frames)
    budget = len(frames) + more
    if not vote.safe(budget, lead):
        return
    sums = vote.log_sums
    winner = max(range(len(sums)), key=sums.__getitem__)
    allowed = [frame for frame in later if len(frame) == len(sums) and speaks_against(frame, winner) < odds(lead)]

    total = reduce(Vote.cast, allowed[:more], vote)

    assert total.log_sums[winner] == pytest.approx(max(total.log_sums), abs=1e-6)


def test_a_full_budget_is_safe_and_no_frame_is_not() -> None:
    """There is nothing left to wait for, or nothing yet."""
    assert not Vote().safe(1, 0.9)
    assert voted([[0.5, 0.5]]).safe(1, 0.9)
    assert not voted([[0.5, 0.5]]).safe(2, 0.9)
    assert voted([[1.0]]).safe(9, 0.9)


def test_clear_frames_end_the_vote_early_and_doubtful_ones_do_not() -> None:
    """Two frames at 0.97 hold against three at 0.9 for another class; two at 0.8 do not."""
    clear, doubtful = [0.97, 0.03], [0.8, 0.2]

    assert not voted([clear]).safe(5, 0.9)
    assert voted([clear, clear]).safe(5, 0.9)
    assert not voted([doubtful, doubtful]).safe(5, 0.9)


def test_one_frame_that_is_wrong_does_not_decide() -> None:
    """A glint in one of three frames, sure as it may be, is outvoted; a zero is no veto."""
    result = voted([[0.9, 0.1], [0.0, 1.0], [0.9, 0.1], [0.999, 0.001], [0.999, 0.001]]).probabilities()

    assert result[0] > 0.5


def voted(frames: list[list[float]]) -> Vote:
    """The vote of these frames."""
    return reduce(Vote.cast, frames, Vote())


def odds(lead: float) -> float:
    """As log-odds."""
    return math.log(lead / (1 - lead))


def speaks_against(frame: list[float], winner: int) -> float:
    """The log-odds of a frame's most probable other class against `winner`, as a vote counts them."""
    logs = [math.log(max(p, FLOOR)) for p in frame]
    others = [log for index, log in enumerate(logs) if index != winner]
    return max(itertools.chain(others, [-math.inf])) - logs[winner]
