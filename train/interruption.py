"""Ctrl-C and SIGTERM: training ends at the next step, after a checkpoint; a second one ends it at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from edge.errors import SortlineError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SortlineError):
    """Somebody ended the run before its end; the exit status is a shell's for the signal."""

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.exit_status = 128 + number  # type: ignore[misc] # the class says it for all others


class Stop:
    """Which signal asked for the end, 0 while none did."""

    def __init__(self) -> None:
        self.number = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block the first signal is only noted."""
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        self._before: dict[int, Any] = before
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.number = number
        for each, handler in self._before.items():
            signal.signal(each, handler)
