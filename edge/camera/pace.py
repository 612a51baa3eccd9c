"""Whether a camera delivers as many pictures as it was asked for."""

WINDOW_NS = 2_000_000_000
"""Counted over this: long enough to tell 30 from 25, short enough to be noticed before the operator has gone."""
ENOUGH = 0.8
CHANGED = 0.2
"""The figure in the text follows only such a change: a status that flutters tells nobody anything."""


class Pace:
    """Counts a camera's pictures by their numbers and capture times."""

    def __init__(self, asked_fps: float) -> None:
        self._asked = asked_fps
        self._said = 0.0
        self.restart()

    def restart(self) -> None:
        """The camera starts anew, and so does its counting."""
        self._from: tuple[int, int] | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """The rate, while it is too low."""
        return (f"camera-slow: asked {self._asked:g} fps, got {self._said:.0f}",) if self._said else ()

    def note(self, counter: int, captured_ns: int) -> None:
        """A picture has come."""
        counter_then, then_ns = self._from = self._from or (counter, captured_ns)
        if captured_ns - then_ns < WINDOW_NS:
            return
        got = (counter - counter_then) / (captured_ns - then_ns) * 1e9
        self._from = counter, captured_ns
        if got >= ENOUGH * self._asked:
            self._said = 0.0
        elif abs(got - self._said) > CHANGED * self._said:
            self._said = got
