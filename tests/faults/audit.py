"""Holds a ledger against what the gate's drive wrote down itself."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.ledger.reader import Entry
from edge.wire.messages import BinDecision
from tests.faults.line_file import BIN
from tests.faults.movements import Movement

LOOK_MS = 5.0
"""For a gate that has to wait for a processor between its look at the clock and its movement."""
CLOCK_MS = 20.0
"""A gate knows the daemon's clock only to the shortest way that a message has taken: a fraction of a millisecond, but
as long as one waits for a processor on a machine that does ten things at once."""
SHOWN = 3
"""Gaps that are told in words."""


@dataclass(frozen=True)
class Audit:
    """Counts; all but the first three are to be 0."""

    decisions: int
    moved: int
    fired: int
    unanswered: int
    """Published to the gate, nobody has ever said what became of them, and nothing moved. Reject has no gate."""
    gaps: list[str]
    """Numbers that are missing within a boot, items twice, movements without a decision."""
    twice: int
    late: int
    early: int
    untrue: int
    """Said to be fired and did not move, or the other way round."""
    untold: int
    """Moved, and the ledger does not know."""
    latest_ms: float
    """The worst movement, from the end of its validity on; negative: all were in time to the millisecond."""
    clock_ms: float
    """So far off the gate took the daemon's clock to be at most; `late` is by what it could know."""
    clock_known_ms: float
    """So well it must know it."""

    @property
    def sound(self) -> bool:
        """Nothing was lost, done twice, late or early, or told wrongly."""
        return self.decisions > 0 and not (
            self.gaps
            or self.unanswered
            or self.twice
            or self.late
            or self.early
            or self.untrue
            or self.untold
            or self.clock_ms > self.clock_known_ms
        )

    def __str__(self) -> str:
        where = f" ({'; '.join(self.gaps[:SHOWN])})" if self.gaps else ""
        return (
            f"{self.decisions} decisions, {self.moved} moved, {self.unanswered} unanswered; "
            f"{len(self.gaps)} gaps{where}, {self.twice} twice, {self.late} late, {self.early} early, "
            f"{self.untrue} untrue, {self.untold} untold, latest {self.latest_ms:+.0f} ms, "
            f"clock known to {self.clock_ms:.1f} ms"
        )


def audit(entries: Sequence[Entry], movements: Sequence[Movement], clock_known_ms: float = CLOCK_MS) -> Audit:
    """All of a ledger and all movements, at rest. `clock_known_ms`: how well the gate can know the daemon's clock."""
    decided = {(entry.decision.boot, entry.decision.seq): entry for entry in entries}
    times = Counter((movement.boot, movement.seq) for movement in movements)
    known = [movement for movement in movements if (movement.boot, movement.seq) in decided]
    of = {id(movement): decided[movement.boot, movement.seq].decision for movement in known}
    return Audit(
        decisions=len(entries),
        moved=len(movements),
        fired=sum(_outcome(entry) == "fired" for entry in entries),
        unanswered=sum(_unanswered(entry) and key not in times for key, entry in decided.items()),
        gaps=[
            *_gaps([entry.decision for entry in entries]),
            *(f"moved without a decision: {key}" for key in times if key not in decided),
        ],
        twice=sum(number - 1 for number in times.values()),
        latest_ms=max((m.at_ms - of[id(m)].t_ms - of[id(m)].valid_ms for m in known), default=-math.inf),
        clock_ms=max((m.clock_ms for m in known), default=0.0),
        clock_known_ms=clock_known_ms,
        late=sum(m.at_ms - m.clock_ms > of[id(m)].t_ms + of[id(m)].valid_ms + LOOK_MS for m in known),
        early=sum(m.at_ms < of[id(m)].act_t_ms - LOOK_MS for m in known),
        untrue=sum(_untrue(entry, key in times) for key, entry in decided.items()),
        untold=sum(entry.answer is None and key in times for key, entry in decided.items()),
    )


def _outcome(entry: Entry) -> str | None:
    return entry.answer.outcome if entry.answer else None


def _unanswered(entry: Entry) -> bool:
    return entry.published and entry.decision.bin == BIN and entry.answer is None


def _untrue(entry: Entry, moved: bool) -> bool:
    """`unknown` is true of both; where nobody answers, nothing is told."""
    return _outcome(entry) == "fired" if not moved else _outcome(entry) in ("expired", "rejected")


def _gaps(decisions: Iterable[BinDecision]) -> list[str]:
    """What is wrong, over all boots; the numbers of one run are consecutive, and each item of it has one."""
    runs: defaultdict[str, list[BinDecision]] = defaultdict(list)
    for decision in decisions:
        runs[decision.boot].append(decision)
    items = Counter(decision.item for run in runs.values() for decision in run)
    twice = [f"item {item} {number} times" for item, number in items.items() if number > 1]
    return [*twice, *(gap for run in runs.values() for pair in pairwise(run) for gap in _gap(*pair))]


def _gap(earlier: BinDecision, later: BinDecision) -> list[str]:
    """Between two neighbours."""
    jumps = [
        f"{name} {getattr(earlier, name)} -> {getattr(later, name)}"
        for name in ("seq", "item")
        if getattr(later, name) != getattr(earlier, name) + 1
    ]
    back = later.captured_t_ms <= earlier.captured_t_ms
    return [*jumps, *([f"captured {earlier.captured_t_ms} -> {later.captured_t_ms}"] if back else [])]
