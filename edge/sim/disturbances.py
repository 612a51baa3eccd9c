"""What makes a real belt's pictures worse than clean ones, each a pure function of scene time."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

FLICKER_HZ = 100.0
"""Lamps on 50 Hz mains brighten twice in a cycle."""
SHAKE_HZ = (13.7, 17.3)
"""Along and across the belt: what a conveyor's frame does near its motor's speed of some 900 turns a minute."""
LENS_SPOTS_FROM_S = 8.0
"""Drops fall on the lens when the empty belt has been taught."""


class Disturbances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How strong each disturbance is; all zero: a clean belt under a steady lamp."""

    drift: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """The light slowly rises and falls by this share of itself."""
    drift_period_s: Annotated[float, Meta(gt=0)] = 60.0
    """Once up and down."""
    flicker: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """The lamp's light swings by this share of itself at `FLICKER_HZ`; the shutter averages a part of it away."""
    vibration_px: Annotated[float, Meta(ge=0, le=50)] = 0.0
    """The camera shakes by so many pixels to each side, along and across the belt."""
    dirt_per_m: Annotated[float, Meta(ge=0, le=500)] = 0.0
    """Crumbs and smears of 3 to 15 mm that ride on each metre of belt."""
    lens_spots: Annotated[int, Meta(ge=0, le=100)] = 0
    """Blurred dark spots on the lens, `LENS_SPOTS_FROM_S` after the beginning."""
    splice: bool = False
    """The belt's ends are joined by dark metal fasteners, a band of 20 mm across the whole belt at every turn."""


def light_factor(disturbances: Disturbances, t_s: float, shutter_s: float) -> float:
    """How bright the lamp is in a picture whose exposure is centred on `t_s`; 1 is its steady light."""
    slow = 1 + disturbances.drift * math.sin(2 * math.pi * t_s / disturbances.drift_period_s)
    turn = math.pi * FLICKER_HZ * shutter_s
    seen = math.sin(turn) / turn if turn else 1.0  # the mean of a sine over the exposure
    return slow * (1 + disturbances.flicker * seen * math.sin(2 * math.pi * FLICKER_HZ * t_s))


def shake_px(disturbances: Disturbances, t_s: float) -> tuple[float, float]:
    """By how many pixels the picture is moved along and across the belt."""
    along, across = (disturbances.vibration_px * math.sin(2 * math.pi * hertz * t_s) for hertz in SHAKE_HZ)
    return along, across
