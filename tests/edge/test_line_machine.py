import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.camera.frames import shared_memory_folder
from edge.wire.messages import Reason
from tests.edge.belt_rig import LABELS, SPEED_MM_S, BeltRig, Block

SURELY_SEEN = 4
"""Frames that show an item whole, after which it must be decided."""


class LineMachine(RuleBasedStateMachine):
    """Whatever belt, lens, camera and gates do: each item gets one terminal decision, each decision is one item's."""

    @initialize(gaps=st.lists(st.floats(60, 400), min_size=1, max_size=5), sizes=st.integers(80, 160))
    def open(self, gaps: list[float], sizes: int) -> None:
        """A belt with items on it, and a line that has learnt the empty belt."""
        self.folder = tempfile.TemporaryDirectory(dir=shared_memory_folder())
        blocks, front_mm = [], 60.0
        for number, gap_mm in enumerate(gaps):
            length_mm = sizes - 10.0 * number
            blocks.append(Block(front_mm + length_mm / 2, length_mm, 100, 120.0 + 35 * number))
            front_mm += length_mm + gap_mm
        self.rig = BeltRig(blocks, Path(self.folder.name))

    @rule(frames=st.integers(1, 15), share=st.sampled_from([0.1, 0.5, 1.0, 1.3]))
    def run(self, frames: int, share: float) -> None:
        """Slower, as told, or faster."""
        self.rig.ride(frames, share * SPEED_MM_S)

    @rule(frames=st.integers(1, 8))
    def stand(self, frames: int) -> None:
        """Nothing moves."""
        self.rig.ride(frames, 0.0)

    @rule(frames=st.integers(1, 5))
    def run_back(self, frames: int) -> None:
        """Someone clears a jam."""
        self.rig.ride(frames, -0.5 * SPEED_MM_S)

    @rule(pairs=st.integers(1, 6))
    def drop_every_other_frame(self, pairs: int) -> None:
        """The camera or the machine is overloaded."""
        for _ in range(pairs):
            self.rig.ride(1, SPEED_MM_S, seen=False)
            self.rig.ride(1, SPEED_MM_S)

    @rule(frames=st.integers(1, 25))
    def lose_frames(self, frames: int) -> None:
        """The belt runs on unseen."""
        self.rig.ride(frames, SPEED_MM_S, seen=False)

    @rule(frames=st.integers(1, 8))
    def cover_the_lens(self, frames: int) -> None:
        """Black frames."""
        self.rig.ride(frames, SPEED_MM_S, covered=True)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        """Or go on."""
        self.rig.line.paused = paused

    @rule(name=st.sampled_from(LABELS), state=st.sampled_from(["ready", "full", "jammed"]))
    def report(self, name: str, state: str) -> None:
        """A bin is full, a gate is jammed, or works again."""
        self.rig.report(name, state)

    @rule(reason=st.sampled_from(["camera-fault", "stopping"]))
    def abandon(self, reason: Reason) -> None:
        """The pictures end, for the line; then they go on."""
        self.rig.abandon(reason)

    @invariant()
    def numbers_only_rise(self) -> None:
        """Of decisions; and no item has two."""
        seqs = [decision.seq for decision in self.rig.decisions]
        assert seqs == sorted(set(seqs))
        assert len({decision.item for decision in self.rig.decisions}) == len(seqs)

    @invariant()
    def what_is_sorted_is_sorted_in_time(self) -> None:
        """Its gate still has time, and the command lasts until the item is there."""
        for decision in self.rig.decisions:
            assert decision.bin in {*LABELS, "reject"}
            assert decision.bin == "reject" or decision.act_in_ms > 0
            assert decision.bin == "reject" or decision.valid_ms >= decision.act_in_ms

    def teardown(self) -> None:
        """The belt runs on: now every item that was seen has its decision, and each decision its item."""
        self.rig.finish()
        with self.rig.ledger, self.folder:
            assert self.rig.ledger.count == len(self.rig.decisions)
            for looks, block in zip(self.rig.looks, self.rig.blocks, strict=True):
                decided = self.rig.about(block)
                assert len(decided) <= 1, (block, decided)
                assert len(decided) == 1 or looks < SURELY_SEEN, (block, looks)
            assert len(self.rig.decisions) == sum(len(self.rig.about(block)) for block in self.rig.blocks)


LineMachine.TestCase.settings = settings(deadline=None, max_examples=12, stateful_step_count=12)
TestLineMachine = LineMachine.TestCase
