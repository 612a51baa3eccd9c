"""The way of a frame: belt, votes, decision, ledger, publisher; one decision for one item."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from edge.belt.sightings import Crossing, View
from edge.belt.watch import BeltWatch
from edge.camera.frames import Frame
from edge.config import Config
from edge.decision.decision import Circumstances, Ruling, decide, rules_of
from edge.decision.timing import Timetable
from edge.decision.vote import Vote
from edge.decision.voting import Model, Voting
from edge.decision.writer import DecisionWriter, Verdict
from edge.errors import EngineFault, Unavailable
from edge.ledger.ledger import Ledger
from edge.metrics import Metrics
from edge.wire.messages import BinDecision, Reason

SPARE = 0.1
"""Share of a frame's time that is left free: a frame that comes early must not find the line at work."""


class Publishes(Protocol):
    """Where decisions go."""

    def publish_decision(self, decision: BinDecision) -> bool:
        """Write it to the broker now (True) or never (False)."""


class Line:
    """Handles frames one after the other, on one thread."""

    def __init__(
        self,
        config: Config,
        model: Model,
        boot: str,
        ledger: Ledger,
        publisher: Publishes,
        metrics: Metrics,
        belt: BeltWatch,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`now_ns`: the clock of frames and deadlines."""
        self.belt = belt
        """Where it is, and what lies on it."""
        self.paused = False
        """While it is true, every item goes to the reject bin."""
        self._config, self._model, self._boot, self._now_ns = config, model, boot, now_ns
        self._ledger, self._publisher, self._metrics = ledger, publisher, metrics
        self._voting = Voting(config.vote, model, belt.odometer, metrics, now_ns)
        self._rules, self._timetable = rules_of(config, model.labels), Timetable(config, belt.odometer)
        self._writer = DecisionWriter(config.line, model, boot, self._timetable)
        self._fault: EngineFault | None = None
        self._last: Frame | None = None
        self._busy_until_mm = -math.inf

    @property
    def busy(self) -> bool:
        """A decided item is still on its way to its gate."""
        return self.belt.odometer.position_mm(self._now_ns()) < self._busy_until_mm

    def handle(self, frame: Frame) -> list[BinDecision]:
        """Decide and publish the items that are at the line in `frame`; then look at those on their way.

        Raises EngineFault when the engine failed, after it sent what crossed the line to the reject bin.
        """
        started_ns = self._now_ns()
        self._metrics.took("wait", (started_ns - frame.captured_ns) / 1e6)
        self.belt.listen()
        with self._metrics.timed("presence"):
            view = self.belt.see(frame)
        decisions = [made for it in self._voting.agreed_first(view.crossings) if (made := self._decide(frame, it))]
        if self._fault:
            raise self._fault
        with self._metrics.timed("vote"):
            self._voting.look(frame, view.tracks)
            self._voting.vote(frame, started_ns + round(self._period_ns(frame) * (1 - SPARE)))
        self._count(frame, view)
        return decisions

    def reroute(self, config: Config) -> None:
        """Take [routing] from here on from this configuration, which names the same bins."""
        self._rules = rules_of(config, self._model.labels)

    def abandon(self, reason: Reason) -> list[BinDecision]:
        """Send every undecided item in view to the reject bin: its pictures end here."""
        now_ns = self._now_ns()
        crossings = self.belt.abandon()
        ruling = Ruling(self._rules.reject, reason)
        self._voting.dismiss()
        self._last = None
        verdicts = [Verdict(crossing.sighting, ruling, Vote(), now_ns) for crossing in crossings]
        return [made for verdict in verdicts if (made := self._publish(verdict))]

    def _decide(self, frame: Frame, crossing: Crossing) -> BinDecision | None:
        vote = self._vote(frame, crossing)
        with self._metrics.timed("decide"):
            ruling = self._ruling(crossing, vote)
        return self._publish(Verdict(crossing.sighting, ruling, vote, frame.captured_ns))

    def _vote(self, frame: Frame, crossing: Crossing) -> Vote:
        """An engine that failed is not asked again, but every item that crosses gets its decision."""
        if self.paused or self._fault:
            return Vote()
        try:
            return self._voting.verdict(frame, crossing)
        except EngineFault as error:
            self._fault = error
            return Vote()

    def _ruling(self, crossing: Crossing, vote: Vote) -> Ruling:
        if self._fault:
            return Ruling(self._rules.reject, "engine-fault")
        if self.paused or not crossing.known:
            return Ruling(self._rules.reject, "paused" if self.paused else "unknown-item")
        lead_ms = {name: self._lead_ms(name, crossing) for name in self._timetable.gates}
        at = Circumstances(lead_ms, self.belt.inputs.closed, crossing.sighting.touching)
        return decide(self._writer.probabilities(vote), self._rules, at)

    def _lead_ms(self, name: str, crossing: Crossing) -> float:
        """With an unknown speed nothing comes in time: nobody knows when the item is at the gate."""
        if self.belt.speed_problem:
            return -math.inf
        now_ns = self._now_ns()
        return self._timetable.appointment(name, crossing.sighting.mark_mm, now_ns).lead_ms(now_ns / 1e6)

    def _publish(self, verdict: Verdict) -> BinDecision | None:
        """None: the ledger does not keep it (its `problems` say why), so nobody hears of it; the gates reject."""
        with self._metrics.timed("publish"):
            try:
                decision = self._ledger.record(lambda seq: self._writer.message(seq, verdict, self._now_ns()))
            except Unavailable:
                self._metrics.unpublished += 1
                return None
            written = self._publisher.publish_decision(decision)
        self._metrics.took("total", (self._now_ns() - verdict.captured_ns) / 1e6)
        if written:
            self._ledger.mark_published(decision)
            self._busy_until_mm = max(self._busy_until_mm, decision.act_mm + decision.reach_mm)
        else:
            self._metrics.unpublished += 1
        self._metrics.decisions[decision.bin] += 1
        self._metrics.reasons[decision.reason] += 1
        return decision

    def _period_ns(self, frame: Frame) -> float:
        """From one frame to the next: as the newest two came, or as the camera was asked to."""
        if self._last is None or frame.counter <= self._last.counter:
            return 1e9 / self._config.camera.fps
        return (frame.captured_ns - self._last.captured_ns) / (frame.counter - self._last.counter)

    def _count(self, frame: Frame, view: View) -> None:
        self._metrics.frames += 1
        self._metrics.empty_frames += self._config.items == "frame" and not view.crossings
        self._metrics.dropped_frames += max(0, frame.counter - self._last.counter - 1) if self._last else 0
        self._last = frame
