"""The table of the faults at the end of a test run."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.faults.table import Figure, table

FIGURES = pytest.StashKey[list[Figure]]()


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[Iterable[Figure]], None]:
    """Put figures into the table that the run prints at its end."""
    return request.config.stash.setdefault(FIGURES, []).extend


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print it."""
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("faults")
        terminalreporter.write_line(table(figures))
