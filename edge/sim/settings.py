"""What a simulated belt is made from; the same settings give the same pictures and the same truth."""

import math
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.errors import UsageError
from edge.sim.disturbances import Disturbances
from edge.sim.items import CATALOGUE
from edge.sim.layout import Spacing
from edge.sim.motion import Motion, Ramp
from edge.sim.photos import photo_catalogue
from edge.sim.scene import Scene

Positive = Annotated[float, Meta(gt=0, le=1e5)]
SHUTTER_SHARE = 0.15
"""Share of a frame's time that the shutter is open unless it is set."""


class SceneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One belt, its items and its camera."""

    items: Annotated[int, Meta(ge=0)] = 40
    seed: Annotated[int, Meta(ge=0)] = 0
    width_px: Annotated[int, Meta(ge=64)] = 640
    height_px: Annotated[int, Meta(ge=64)] = 480
    mm_per_px: Positive = 1.0
    speed_mm_s: Positive = 400.0
    ramps: tuple[Ramp, ...] = ()
    """Changes of the speed, in order."""
    line_mm: Positive = 320.0
    """Where the truth says when an item crosses, from the upstream edge of the view."""
    fps: Positive = 30.0
    shutter_ms: Positive | None = None
    """`SHUTTER_SHARE` of a frame's time by default."""
    spacing: Spacing = Spacing()
    disturbances: Disturbances = Disturbances()
    photos: str | None = None
    """Folder with the user's own pictures in class folders; None: rendered items."""

    @property
    def shutter_s(self) -> float:
        """How long each picture is exposed."""
        return SHUTTER_SHARE / self.fps if self.shutter_ms is None else self.shutter_ms / 1000

    def scene(self) -> Scene:
        """The scene. Raises UsageError when its belt stops for good, DatasetError for photos that cannot be used."""
        scene = Scene(
            self.items,
            seed=self.seed,
            width_px=self.width_px,
            height_px=self.height_px,
            mm_per_px=self.mm_per_px,
            speed_mm_s=self.speed_mm_s,
            shutter_s=self.shutter_s,
            spacing=self.spacing,
            motion=Motion(self.speed_mm_s, self.ramps),
            disturbances=self.disturbances,
            catalogue=photo_catalogue(Path(self.photos)) if self.photos else CATALOGUE,
        )
        if not math.isfinite(scene.duration_s):
            raise UsageError(
                f"speed changes: expected a belt that brings all {self.items} items through the view, found one that "
                "stops before; let it run on, or take fewer items"
            )
        return scene
