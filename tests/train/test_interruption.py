"""The first signal is noted, the second one ends the process."""

import signal

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


def test_the_second_one_ends_it() -> None:
    """Who presses Ctrl-C twice does not wait for a checkpoint."""
    with Stop().listening():
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_exit_status_is_a_shells() -> None:
    """130 for Ctrl-C, 143 for SIGTERM."""
    assert [Interrupted("x", number).exit_status for number in SIGNALS] == [130, 143]
