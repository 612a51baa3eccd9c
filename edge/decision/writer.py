"""Writes what was decided as the message that gates and people read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge.belt.sightings import Sighting
from edge.decision.decision import Ruling
from edge.decision.timing import Timetable
from edge.decision.vote import Vote
from edge.decision.voting import Model
from edge.wire.messages import BinDecision


@dataclass(frozen=True)
class Verdict:
    """One item's decision before it has a number."""

    sighting: Sighting
    ruling: Ruling
    vote: Vote
    captured_ns: int
    """Of the frame in which it crossed the line."""


class DecisionWriter:
    """Writes the decisions of one boot."""

    def __init__(self, line: str, model: Model, boot: str, timetable: Timetable) -> None:
        self._line, self._model, self._boot, self._timetable = line, model, boot, timetable

    def probabilities(self, vote: Vote) -> dict[str, float] | None:
        """Class -> probability; None when no frame has voted."""
        return dict(zip(self._model.labels, vote.probabilities(), strict=True)) if vote.frames else None

    def message(self, seq: int, verdict: Verdict, now_ns: int) -> BinDecision:
        """The decision with the number `seq`, as it is published at `now_ns`."""
        sighting, ruling = verdict.sighting, verdict.ruling
        gate = self._timetable.gates[ruling.bin]
        at = self._timetable.appointment(ruling.bin, sighting.mark_mm, now_ns)
        probabilities, now_ms = self.probabilities(verdict.vote), now_ns / 1e6
        label = max(probabilities, key=probabilities.__getitem__) if probabilities else None
        return BinDecision(
            line=self._line,
            boot=self._boot,
            seq=seq,
            item=sighting.item,
            bin=ruling.bin,
            reason=ruling.reason,
            label=label,
            confidence=round(probabilities[label], 4) if probabilities and label else None,
            probabilities={name: round(p, 4) for name, p in probabilities.items()} if probabilities else None,
            t_ms=round(now_ms, 3),
            captured_t_ms=round(verdict.captured_ns / 1e6, 3),
            act_t_ms=round(at.act_ms, 3),
            act_in_ms=round(at.act_ms - now_ms, 3),
            valid_ms=round(max(0.0, at.until_ms - now_ms), 3),
            x_mm=round(sighting.x_mm, 1),
            frames=verdict.vote.frames,
            model=self._model.name,
            captured_at=_utc(now_ms - verdict.captured_ns / 1e6),
            act_mm=round(at.act_mm, 2),
            reach_mm=gate.reach_mm,
            dead_ms=gate.dead_ms,
            touching=sighting.touching,
        )


def _utc(ago_ms: float) -> str:
    """The wall clock `ago_ms` ago, ISO 8601, to the millisecond."""
    return (datetime.now(UTC) - timedelta(milliseconds=ago_ms)).isoformat("T", "milliseconds")
