"""What a run of the test bench is made from: the belt, how the line is told of its motion, what work and wires cost."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.config import BeltConfig, CameraConfig, Config, GateConfig, LedgerConfig
from edge.errors import UsageError
from edge.sim.layout import SIZES_MM, Share
from edge.sim.settings import SceneSettings

LINE = "sim"
REJECT = "reject"
FIRST_GATE_MM = 600.0
GATE_STEP_MM = 150.0
MAX_ITEM_MM = SIZES_MM[1] + 20
"""As a plant would set it that knows its largest items."""

Milliseconds = Annotated[float, Meta(ge=0, le=1e5)]


class BenchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run; the same settings give the same figures."""

    scene: SceneSettings
    bundle: str | None = None
    """None: a classifier that always says the same, for figures of tracking alone."""
    speed_from: Literal["config", "mqtt", "picture"] = "mqtt"
    """How the line knows the belt's motion: not at all, from an encoder, from the pictures."""
    encoder_ms: Annotated[float, Meta(gt=0, le=1e4)] = 20.0
    """Between two readings of the encoder."""
    mm_per_pulse: Annotated[float, Meta(gt=0, le=100)] = 0.5
    camera_ms: Milliseconds = 8.0
    """From the middle of the exposure until the line has the picture."""
    frame_ms: Milliseconds = 4.0
    """What a frame costs the line without its inference."""
    inference_ms: Milliseconds = 25.0
    """What one call of the classifier costs it."""
    network_ms: Milliseconds = 2.0
    """Mean time of a message on its way; three quarters of it are jitter."""
    dropped: Share = 0.0
    """Share of the frames that never come."""
    late: Share = 0.0
    """Share of the frames that come `late_ms` later than they should."""
    late_ms: Milliseconds = 60.0
    empty_s: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    """Play at least so long, also when no item comes any more."""


def line_config(settings: BenchSettings, labels: tuple[str, ...], ledger: str) -> Config:
    """The configuration of the line under test: one gate for every label and one for the rejects."""
    scene, bins = settings.scene, (*labels, REJECT)
    gates = {name: GateConfig(distance_mm=FIRST_GATE_MM + n * GATE_STEP_MM) for n, name in enumerate(bins)}
    belt = BeltConfig(
        direction="right",
        speed_mm_s=scene.speed_mm_s,
        mm_per_px=scene.mm_per_px,
        line_mm=scene.line_mm,
        max_item_mm=MAX_ITEM_MM,
        speed_from=settings.speed_from,
        mm_per_pulse=settings.mm_per_pulse if settings.speed_from == "mqtt" else None,
    )
    return Config(
        line=LINE,
        bundle=settings.bundle or "",
        camera=CameraConfig(source="frames:none", fps=scene.fps),
        belt=belt,
        gates=gates,
        ledger=LedgerConfig(path=ledger, rows=1000),
    )


def checked(settings: BenchSettings) -> BenchSettings:
    """The settings, when every one of them is within its range. Raises UsageError."""
    try:
        return msgspec.convert(msgspec.to_builtins(settings), BenchSettings)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at ")
        name = where.strip("`").removeprefix("$.").removeprefix("scene.")
        raise UsageError(f"{name}: {said[0].lower()}{said[1:].replace('`', '')}") from error
