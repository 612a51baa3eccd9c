"""Counts over items and their decisions, which add up over parts of a run, and the figures made of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from edge.sim.layout import SceneItem
from edge.sim.motion import Motion
from edge.sim.scoring import Account, Verdict

NO_BIN = "missed"
"""Where items without a decision ended."""


@dataclass(frozen=True)
class Ground:
    """What the scoring knows of the plant."""

    line_mm: float
    gates_mm: Mapping[str, float]
    """Bin -> distance from the line to its gate."""
    bins: Mapping[str, str]
    """Class -> the bin that its items belong to."""
    reject: str


@dataclass
class Tally:
    """Counts of one run or of a part of it."""

    items: int = 0
    seen: int = 0
    missed: int = 0
    doubled: int = 0
    split: int = 0
    merged: int = 0
    merged_unflagged: int = 0
    """Of the merged ones, those whose decision does not say `touching`."""
    ghosts: int = 0
    touching: int = 0
    """Items that really touch another."""
    touching_flagged: int = 0
    """Of these, those whose decision says so."""
    flagged_alone: int = 0
    """Items that lie alone and whose decision says `touching`."""
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(Class, bin in which it ended): the reject bin where no gate moved in time."""
    reasons: Counter[str] = field(default_factory=Counter)
    unfired: int = 0
    """Decisions whose gate did not move."""
    timing_ms: list[float] = field(default_factory=list)
    """Gate's movement minus the true moment, of items with a decision of their own."""
    timing_mm: list[float] = field(default_factory=list)
    """The same as belt travel."""
    mark_mm: list[float] = field(default_factory=list)
    """Decided minus true place along the belt."""
    plan_ms: list[float] = field(default_factory=list)
    """Gate's movement minus the moment that the decision and the line's odometer name."""
    frames: int = 0
    frames_skipped: int = 0
    """Dropped, or replaced by a newer one while the line was busy."""

    def __add__(self, other: "Tally") -> "Tally":
        """Of both parts together."""
        return Tally(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(Tally)})


def tally(
    items: tuple[SceneItem, ...], found: Account, verdicts: list[Verdict], motion: Motion, ground: Ground
) -> Tally:
    """Count one part of a run."""
    fates = Counter(found.fates.values())
    count = Tally(
        items=len(items),
        seen=fates["seen"] + fates["merged"],
        missed=fates["missed"],
        merged=fates["merged"],
        doubled=len(found.doubled),
        split=len(found.split),
        ghosts=len(found.ghosts),
        reasons=Counter(verdict.reason for verdict in verdicts),
        unfired=sum(verdict.fired_s is None for verdict in verdicts),
        plan_ms=[
            (v.fired_s - v.planned_s) * 1000 for v in verdicts if v.fired_s is not None and v.planned_s is not None
        ],
    )
    sharers = Counter(found.verdicts.values())
    for item in items:
        place = found.verdicts.get(item.number)
        verdict = None if place is None else verdicts[place]
        _count_flags(count, item, found, verdict)
        count.ended[item.label, _end_of(verdict, ground)] += 1
        if verdict and place is not None and sharers[place] == 1:
            _count_times(count, item, verdict, motion, ground)
    return count


def _count_flags(count: Tally, item: SceneItem, found: Account, verdict: Verdict | None) -> None:
    flagged = verdict is not None and verdict.touching
    count.merged_unflagged += found.fates[item.number] == "merged" and not flagged
    count.touching += item.partner is not None
    count.touching_flagged += item.partner is not None and flagged
    count.flagged_alone += item.partner is None and flagged


def _end_of(verdict: Verdict | None, ground: Ground) -> str:
    if verdict is None:
        return NO_BIN
    return verdict.bin if verdict.fired_s is not None else ground.reject


def _count_times(count: Tally, item: SceneItem, verdict: Verdict, motion: Motion, ground: Ground) -> None:
    line_at_mm = item.enters_mm + ground.line_mm
    count.mark_mm.append(verdict.mark_mm - line_at_mm)
    gate_at_mm = line_at_mm + ground.gates_mm[verdict.bin]
    true_s = motion.when_s(gate_at_mm)
    if verdict.fired_s is not None and true_s is not None:
        count.timing_ms.append((verdict.fired_s - true_s) * 1000)
        count.timing_mm.append(motion.travel_mm(verdict.fired_s) - gate_at_mm)


def figures_of(count: Tally, ground: Ground, *, routed: bool) -> dict[str, Any]:
    """What `python -m edge sim --json` prints; figures of routing are null unless `routed`: a model decided."""
    right = sum(n for (label, ended), n in count.ended.items() if ended == ground.bins.get(label, label))
    return {
        "items": count.items,
        "seen": count.seen,
        "missed": count.missed,
        "doubled": count.doubled,
        "split": count.split,
        "merged": count.merged,
        "merged_unflagged": count.merged_unflagged,
        "ghosts": count.ghosts,
        "touching": count.touching,
        "touching_flagged": count.touching_flagged,
        "flagged_alone": count.flagged_alone,
        "routing_accuracy": _share(right, count.items) if routed else None,
        "per_bin": {name: _bin_figures(count, ground, name) for name in ground.gates_mm} if routed else None,
        "timing_error_ms": _spread(count.timing_ms),
        "timing_error_mm": _spread(count.timing_mm),
        "mark_error_mm": _spread(count.mark_mm),
        "plan_error_ms": _spread(count.plan_ms),
        "reasons": dict(sorted(count.reasons.items())),
        "unfired": count.unfired,
        "frames": count.frames,
        "frames_skipped": count.frames_skipped,
    }


def _bin_figures(count: Tally, ground: Ground, name: str) -> dict[str, float | int | None]:
    inside = {label: n for (label, ended), n in count.ended.items() if ended == name}
    belonging = sum(n for (label, _), n in count.ended.items() if ground.bins.get(label, label) == name)
    right = sum(n for label, n in inside.items() if ground.bins.get(label, label) == name)
    held = sum(inside.values())
    return {"purity": _share(right, held), "recovery": _share(right, belonging), "items": held}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _spread(errors: list[float]) -> dict[str, float | None]:
    """Of the errors' sizes: p50, p99, max; `mean` keeps the sign."""
    if not errors:
        return dict.fromkeys(("p50", "p99", "max", "mean"))
    sizes = np.abs(errors)
    p50, p99 = np.percentile(sizes, (50, 99))
    spread = {"p50": p50, "p99": p99, "max": sizes.max(), "mean": np.mean(errors)}
    return {name: round(float(value), 2) for name, value in spread.items()}
