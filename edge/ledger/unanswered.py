"""Decisions that no gate has answered, and when to ask for them: some at a time, ever more rarely. Pure."""

import heapq
import math
from collections.abc import Iterator
from typing import NamedTuple

from edge.wire.messages import Ask, Asked, BinDecision

GRACE_MS = 1_000.0
"""An answer may be under way for so long after the end of its decision's validity."""
BATCH = 50
"""Decisions in one question: less than 3 kB, which the memory of a controller takes."""
FIRST_MS, LONGEST_MS = 1_000.0, 8_000.0
"""From a question to the next one where nobody answers: it doubles each time. Who answers is asked on at once."""
OPEN = 10_000
"""For each bin; older ones are not asked for any more: a bin without a gate may not take memory for ever."""


class Unanswered:
    """The newest open decisions of each bin, those of earlier runs too. `now_ms` is on the clock of `t_ms`."""

    def __init__(self) -> None:
        self._bins: dict[str, _Bin] = {}
        self._bin_of: dict[tuple[str, int], _Bin] = {}

    def add(self, decision: BinDecision) -> None:
        """It was published; from some time after its validity on it is asked for."""
        self._add(decision, decision.t_ms + decision.valid_ms + GRACE_MS)

    def add_earlier(self, decision: BinDecision) -> None:
        """As `add`, of an earlier run, whose clock means nothing now: it is asked for at once."""
        self._add(decision, -math.inf)

    def answered(self, boot: str, seq: int) -> None:
        """Its gate has told what became of it."""
        if (bin_ := self._bin_of.pop((boot, seq), None)) is not None:
            bin_.answered(seq)

    def questions(self, now_ms: float) -> Iterator[Ask]:
        """What to ask now, one question a bin at most. They count as asked."""
        for name, bin_ in self._bins.items():
            if chosen := bin_.choose(now_ms):
                asked = tuple(Asked(seq=one.seq, item=one.item) for one in chosen)
                yield Ask(line=chosen[0].line, boot=chosen[0].boot, bin=name, decisions=asked)

    def __len__(self) -> int:
        """How many are open."""
        return len(self._bin_of)

    def _add(self, decision: BinDecision, due_ms: float) -> None:
        bin_ = self._bins.setdefault(decision.bin, _Bin())
        self._bin_of[decision.boot, decision.seq] = bin_
        for old in bin_.add(_Open(decision.line, decision.boot, decision.seq, decision.item), due_ms):
            del self._bin_of[old.boot, old.seq]


class _Open(NamedTuple):
    line: str
    boot: str
    seq: int
    item: int


class _Bin:
    """Those of one gate."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        """By seq, which is never reused; oldest first."""
        self._turns: list[tuple[float, int]] = []
        """A heap of (when it was asked for last, or may be first; seq). What was answered stays until its turn."""
        self._asked: set[int] = set()
        """What the last question asked for and nobody has answered yet."""
        self._asked_ms = -math.inf
        self._unheard = 0
        """Questions since the last answer."""

    def add(self, one: _Open, due_ms: float) -> list[_Open]:
        """What had to make room."""
        self._open[one.seq] = one
        heapq.heappush(self._turns, (due_ms, one.seq))
        return [self._open.pop(next(iter(self._open)))] if len(self._open) > OPEN else []

    def answered(self, seq: int) -> None:
        del self._open[seq]
        self._asked.discard(seq)
        self._unheard = 0

    def choose(self, now_ms: float) -> list[_Open]:
        """What was asked for longest ago, all of one boot; nothing while an earlier question has its time."""
        wait_ms = min(FIRST_MS * 2 ** max(0, self._unheard - 1), LONGEST_MS)
        if self._asked and now_ms < self._asked_ms + wait_ms:
            return []
        chosen: list[_Open] = []
        while len(chosen) < BATCH and (one := self._next(now_ms)) and one.boot == (*chosen, one)[0].boot:
            chosen.append(one)
            heapq.heapreplace(self._turns, (now_ms, one.seq))
        if chosen:
            self._asked, self._asked_ms = {one.seq for one in chosen}, now_ms
            self._unheard = min(self._unheard + 1, 10)
        return chosen

    def _next(self, now_ms: float) -> _Open | None:
        """Whose turn it is."""
        while self._turns and self._turns[0][0] < now_ms:
            if one := self._open.get(self._turns[0][1]):
                return one
            heapq.heappop(self._turns)
        return None
