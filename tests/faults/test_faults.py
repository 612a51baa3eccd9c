from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import ROWS


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_lost_done_twice_or_late(name: str, tmp_path: Path, note: Callable[..., Any]) -> None:
    """Each fault of the table in its short form: `make faults` runs them at full size."""
    figures = ROWS[name].run(tmp_path, long=False)

    note(figures)
    assert not [figure for figure in figures if figure.ok is False]
    if all(figure.ok is None for figure in figures):
        pytest.skip(f"{name} {figures[0].measured}")
