"""The way of a frame: belt, crop, classifier, decision, ledger, publisher; one decision for one item."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from edge.belt import Belt, Crossing
from edge.classifier import Classifier
from edge.config import Config
from edge.decision import Ruling, decide, rules_of
from edge.frames import Frame
from edge.ledger import Ledger
from edge.messages import BinDecision, Reason
from edge.metrics import Metrics
from edge.preprocess import crop_and_resize

MARGIN = 0.3
"""Belt shown around an item, as a share of its longer side: rendered training pictures have 10 to 80 %."""


class Publishes(Protocol):
    """Where decisions go."""

    def publish_decision(self, decision: BinDecision) -> bool:
        """Write it to the broker now (True) or never (False)."""


@dataclass(frozen=True)
class Model:
    """What is known of the model that runs."""

    name: str
    """Bundle id and variant, as decisions cite it."""
    labels: tuple[str, ...]
    size: int
    """Side of its input in pixels."""
    classifier: Classifier


class Line:
    """Handles frames one after the other; owns the belt and the numbering of items."""

    def __init__(
        self, config: Config, model: Model, boot: str, ledger: Ledger, publisher: Publishes, metrics: Metrics
    ) -> None:
        self._config, self._model, self._boot = config, model, boot
        self._ledger, self._publisher, self._metrics = ledger, publisher, metrics
        self._rules = rules_of(config, model.labels)
        self._belt: Belt | None = None
        self._counter = 0
        self.busy_until_ms = 0.0
        """When the last decided item has passed its gate, on the clock of `t_ms`."""

    @property
    def ready(self) -> bool:
        """Items can be told from the belt."""
        return self._belt is not None and self._belt.ready

    @property
    def blocked(self) -> bool:
        """The camera sees something other than the belt."""
        return self._belt is not None and self._belt.blocked

    def handle(self, frame: Frame) -> list[BinDecision]:
        """Decide and publish the items that are at the line in `frame`."""
        height, width = frame.image.shape[:2]
        self._belt = self._belt or Belt(self._config.belt, width, height)
        self._metrics.took("wait", (time.monotonic_ns() - frame.captured_ns) / 1e6)
        with self._metrics.timed("presence"):
            crossings = self._belt.see(frame.image, frame.captured_ns)
        decisions = [self._decide(frame, crossing) for crossing in crossings]
        self._metrics.frames += 1
        self._metrics.dropped_frames += max(0, frame.counter - self._counter - 1) if self._counter else 0
        self._counter = frame.counter
        return decisions

    def abandon(self, reason: Reason) -> list[BinDecision]:
        """Send every undecided item in view to the reject bin: its pictures end here."""
        now_ns = time.monotonic_ns()
        crossings = self._belt.abandon(now_ns) if self._belt else []
        ruling = Ruling(self._rules.reject, reason)
        self._counter = 0
        return [self._publish(crossing, ruling, None, now_ns) for crossing in crossings]

    def _decide(self, frame: Frame, crossing: Crossing) -> BinDecision:
        probabilities = self._classify(frame, crossing) if crossing.seen else None
        age_ms = (time.monotonic_ns() - frame.captured_ns) / 1e6
        ruling = decide(probabilities, age_ms, self._rules)
        return self._publish(crossing, ruling, probabilities, frame.captured_ns)

    def _classify(self, frame: Frame, crossing: Crossing) -> dict[str, float]:
        crop = crop_and_resize(frame.image, self._model.size, crossing.sighting.box, MARGIN)
        with self._metrics.timed("inference"):
            row = self._model.classifier(crop[None])[0]
        return dict(zip(self._model.labels, row.tolist(), strict=True))

    def _publish(
        self, crossing: Crossing, ruling: Ruling, probabilities: Mapping[str, float] | None, captured_ns: int
    ) -> BinDecision:
        with self._metrics.timed("publish"):
            decision = self._ledger.record(
                self._boot,
                crossing.item,
                lambda seq: self._message(seq, crossing, ruling, probabilities, captured_ns),
            )
            if self._publisher.publish_decision(decision):
                self._ledger.mark_published(decision.seq)
                self.busy_until_ms = max(self.busy_until_ms, decision.t_ms + decision.valid_ms)
            else:
                self._metrics.unpublished += 1
        self._metrics.took("total", (time.monotonic_ns() - captured_ns) / 1e6)
        self._metrics.decisions[decision.bin] += 1
        self._metrics.reasons[decision.reason] += 1
        return decision

    def _message(
        self,
        seq: int,
        crossing: Crossing,
        ruling: Ruling,
        probabilities: Mapping[str, float] | None,
        captured_ns: int,
    ) -> BinDecision:
        gate, speed = self._config.gates[ruling.bin], self._config.belt.speed_mm_s
        past_line_mm = crossing.sighting.position_mm - self._config.belt.line_mm
        now_ms, captured_ms = time.monotonic_ns() / 1e6, captured_ns / 1e6
        act_ms = captured_ms + (gate.distance_mm - past_line_mm) / speed * 1000
        label = max(probabilities, key=probabilities.__getitem__) if probabilities else None
        return BinDecision(
            line=self._config.line,
            boot=self._boot,
            seq=seq,
            item=crossing.item,
            bin=ruling.bin,
            reason=ruling.reason,
            label=label,
            confidence=round(probabilities[label], 4) if probabilities and label else None,
            probabilities={name: round(p, 4) for name, p in probabilities.items()} if probabilities else None,
            t_ms=round(now_ms, 3),
            captured_t_ms=round(captured_ms, 3),
            act_t_ms=round(act_ms, 3),
            act_in_ms=round(act_ms - now_ms, 3),
            valid_ms=round(max(0.0, act_ms - now_ms + gate.reach_ms), 3),
            x_mm=round(crossing.sighting.x_mm, 1),
            frames=1 if probabilities else 0,
            model=self._model.name,
            captured_at=_utc(now_ms - captured_ms),
        )


def _utc(ago_ms: float) -> str:
    """The wall clock `ago_ms` ago, ISO 8601, to the millisecond."""
    return (datetime.now(UTC) - timedelta(milliseconds=ago_ms)).isoformat("T", "milliseconds")
