"""Noise is held back, errors are not."""

import os
import sys
import warnings

import pytest

from edge.errors import RunError
from export.quiet import noise_held


def test_work_that_succeeds_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """Prints, warnings and what C++ writes to the descriptor itself are gone when all went well."""
    with noise_held():
        _be_noisy()

    said = capfd.readouterr()

    assert (said.out, said.err) == ("", "")


def test_work_that_breaks_shows_all_that_was_said(capfd: pytest.CaptureFixture[str]) -> None:
    """An unexpected error comes with everything that was held back before it."""
    with pytest.raises(ZeroDivisionError):
        _be_noisy_and_raise(ZeroDivisionError())

    said = capfd.readouterr()

    assert "from C++" in said.err


def test_a_clear_line_stays_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """Errors of ours say it all in their one line, and standard error works again after them."""
    with pytest.raises(RunError):
        _be_noisy_and_raise(RunError("one line"))
    print("after", file=sys.stderr)

    said = capfd.readouterr()

    assert said.err == "after\n"


@noise_held()
def _be_noisy_and_raise(error: Exception) -> None:
    _be_noisy()
    raise error


def _be_noisy() -> None:
    print("from Python")
    warnings.warn("from Python", UserWarning, stacklevel=1)
    os.write(2, b"from C++\n")
