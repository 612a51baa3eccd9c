"""The first signal is noted, the second one ends the process."""

import signal
from collections.abc import Iterator

import pytest

from train.interruption import SIGNALS, Interrupted, Stop


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number: int) -> None:
    """Whoever steps sees it, and afterwards all is as before."""
    before = signal.getsignal(number)
    stop = Stop()

    with stop.listening():
        signal.raise_signal(number)

    assert stop.number == number
    assert signal.getsignal(number) == before


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """Python's own way with Ctrl-C; what starts processes in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("at_a_terminal")
def test_the_second_one_ends_it() -> None:
    """Who presses Ctrl-C twice does not wait for a checkpoint."""
    with Stop().listening():
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_exit_status_is_a_shells() -> None:
    """130 for Ctrl-C, 143 for SIGTERM."""
    assert [Interrupted("x", number).exit_status for number in SIGNALS] == [130, 143]
