from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from edge.errors import EngineFault
from edge.wire.messages import Reason
from tests.edge.belt_rig import LABELS, LINE_MM, SPEED_MM_S, STEP_S, BeltRig, Block

ITEM = Block(enters_mm=120, length_mm=100, width_mm=80, y_mm=200)
FRAMES_TO_LINE = round((ITEM.enters_mm + LINE_MM) / SPEED_MM_S / STEP_S)


def ride_half_way(rig: BeltRig) -> None:
    """The item is whole in view."""
    rig.ride(FRAMES_TO_LINE - 8, SPEED_MM_S)


def nothing(_: BeltRig) -> None:
    """All is well."""


def doubt(rig: BeltRig) -> None:
    """The model knows no better than a coin."""
    rig.sure = 0.55


def fall_silent(rig: BeltRig) -> None:
    """The encoder tells nothing for longer than `stale_s`, so that nobody knows when the item is at a gate."""
    slow_mm_s = SPEED_MM_S / 4
    rig.ride(10, slow_mm_s)
    rig.silent = True
    rig.ride(4 * FRAMES_TO_LINE, slow_mm_s)


def cover_the_lens(rig: BeltRig) -> None:
    """From when a part of the item has come into view until it is past the line."""
    rig.ride(round((ITEM.enters_mm + 10) / SPEED_MM_S / STEP_S), SPEED_MM_S)
    rig.ride(FRAMES_TO_LINE, SPEED_MM_S, covered=True)


def lose_the_camera(rig: BeltRig) -> None:
    """Its pictures end."""
    ride_half_way(rig)
    rig.abandon("camera-fault")


def stop(rig: BeltRig) -> None:
    """Someone stops the service."""
    ride_half_way(rig)
    rig.abandon("stopping")


def unplug_the_engine(rig: BeltRig) -> None:
    """It fails with the item on its way; the daemon hears of it, and gives up what is in view."""
    rig.sure = -1
    with pytest.raises(EngineFault):
        rig.finish()
    rig.abandon("engine-fault")


def jam(rig: BeltRig) -> None:
    """The gate of the bin that the item belongs to."""
    rig.report(LABELS[0], "jammed")


def pause(rig: BeltRig) -> None:
    """Someone pauses the line."""
    rig.line.paused = True


SCRIPTS: dict[str, Callable[[BeltRig], None]] = {
    "classified": nothing,
    "unsure": doubt,
    "late": fall_silent,
    "blocked-view": cover_the_lens,
    "camera-fault": lose_the_camera,
    "engine-fault": unplug_the_engine,
    "unknown-item": nothing,
    "rerouted": jam,
    "paused": pause,
    "stopping": stop,
}


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_is_reached_by_what_it_names(reason: str, tmp_path: Path) -> None:
    """One item, one thing that goes wrong or none: one decision, with that reason, and only a known one sorts it."""
    too_long = Block(200, 260, 80, 200)
    rig = BeltRig([too_long if reason == "unknown-item" else ITEM], tmp_path)

    with rig.ledger:
        SCRIPTS[reason](rig)
        if rig.sure > 0:
            rig.finish()

    assert [decision.reason for decision in rig.decisions] == [reason]
    assert [decision.bin for decision in rig.decisions] == [LABELS[0] if reason == "classified" else "reject"]
