"""Lamps: tubes, compact lamps, bulbs."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import jagged, rectangle, ribbon
from edge.sim.paint import Surface, mix, pick
from edge.sim.printing import text_block

_STEEL = (198, 198, 200)
_COPPER = (196, 120, 52)
_WRAPS = ((28, 28, 32), (196, 30, 36), (24, 70, 160), (24, 120, 70), (226, 180, 40), (210, 212, 214), (90, 40, 120))


def fluorescent_lamp(rng: np.random.Generator, size: int) -> Sprite:
    """A white tube with metal caps and pins, whole or broken, or a compact lamp of folded tubes."""
    s = Surface(rng, size)
    glow = pick(rng, [(244, 246, 248), (236, 240, 240), (248, 244, 232)], 0.02)
    if rng.random() < 0.4:
        return _compact_lamp(s, glow)
    r, half = rng.uniform(0.055, 0.1), 0.84
    mask, height, _ = s.lathe([(-half, r), (half, r)])
    ends = mix(glow, (120, 116, 110), ((np.abs(s.x) - 0.5) * 2.2).clip(0, 1) ** 3 * rng.uniform(0.1, 0.9))
    s.lay(mask, ends, height=height, gloss=0.9)
    if rng.random() < 0.25:
        x = rng.uniform(-0.3, 0.3)
        hole = s.fill(jagged(rng, rectangle(x, -r * 2, x + rng.uniform(0.1, 0.25), r * 0.5), 0.25, 3))
        s.cover *= 1 - hole
    s.lay(mask * text_block(s, (0.3, -0.01, 0.6, 0.02), 0.03), (110, 110, 116), cover=False)
    for side in (-1, 1):
        a, b = sorted((side * half, side * (half - 0.12)))
        cap, raised, _ = s.lathe([(a, r * 1.06), (b, r * 1.06)])
        s.lay(cap, (186, 186, 188), height=raised, gloss=0.7, metal=0.85)
        pins = [
            rectangle(
                min(side * half, side * (half + 0.09)), y - 0.012, max(side * half, side * (half + 0.09)), y + 0.012
            )
            for y in (-r * 0.45, r * 0.45)
        ]
        s.lay(s.fills(pins), (176, 160, 110), height=0.05, metal=0.8)
    return develop(s)


def _compact_lamp(s: Surface, glow: Field) -> Sprite:
    """A U-tube or spiral energy-saving lamp on its plastic base and screw cap."""
    rng = s.rng
    tubes = []
    if rng.random() < 0.5:
        angle = np.linspace(0, 5.5 * 2 * np.pi / 2, 90)
        tubes = [np.stack([np.linspace(-0.05, 0.72, 90), 0.32 * np.sin(angle)], 1)]
        wide = 0.15
    else:
        tubes = [
            np.array([(-0.05, y), (0.72, y), (0.8, y + 0.05), (0.8, y + 0.11), (0.72, y + 0.16), (-0.05, y + 0.16)])
            for y in (-0.31, -0.08, 0.15)
        ]
        wide = 0.13
    for tube in tubes:
        for part in (tube[k : k + 12] for k in range(0, len(tube) - 1, 10)):
            mask = s.stroke(part, width=wide)
            s.lay(mask, glow, height=s.dome(mask, wide / 2) + 0.04, gloss=0.9)
    base, height, _ = s.lathe([(-0.5, 0.22), (-0.4, 0.36), (-0.05, 0.4), (-0.02, 0.37)])
    s.lay(base, pick(rng, [(236, 236, 232), (220, 224, 226)], 0.04), height=height, gloss=0.5)
    s.lay(base * text_block(s, (-0.36, -0.1, -0.1, 0.15), 0.06), (90, 90, 100), cover=False)
    _screw_cap(s, -0.86, -0.5, 0.19)
    return develop(s)


def light_bulb(rng: np.random.Generator, size: int) -> Sprite:
    """A pear-shaped bulb, clear with its filament or frosted, on a screw cap."""
    s = Surface(rng, size)
    r = rng.uniform(0.44, 0.52)
    xs = np.linspace(-0.46, 0.34 + r, 160)
    sphere = np.sqrt((r**2 - (xs - 0.34) ** 2).clip(4e-4))
    neck = 0.19 + (r - 0.19) * (np.sin(((xs + 0.4) / 0.74).clip(0, 1) * np.pi / 2) ** 3)
    mask, height, _ = s.lathe(list(zip(xs, np.where(xs < 0.34, neck, sphere), strict=True)))
    if rng.random() < 0.5:
        s.lay(mask, (248, 246, 238), height=height, gloss=1.0, clear=0.05)
    else:
        wire = s.stroke(
            [(-0.4, -0.06), (0.2, -0.2), (0.24, -0.1), (0.2, 0.0), (0.24, 0.1), (0.2, 0.2), (-0.4, 0.06)], width=0.025
        )
        stem = s.fill(ribbon(np.array([(-0.4, 0.0), (-0.1, 0.0), (0.02, 0.0)]), [0.09, 0.05, 0.07]))
        s.lay(mask, pick(rng, [(226, 232, 234), (236, 214, 160)], 0.04), height=height, gloss=1.0, clear=0.85)
        s.lay(stem, (214, 222, 224), clear=0.3)
        s.lay(wire, (120, 110, 96), clear=0.0, metal=0.6)
        s.lay(mask * s.level(-height, -0.16, 0.06), (205, 212, 214), clear=0.4)
    _screw_cap(s, -0.84, -0.46, 0.2)
    return develop(s)


def _screw_cap(s: Surface, x0: float, x1: float, r: float) -> None:
    """The thread of a lamp's foot with its contact."""
    foot, raised, _ = s.lathe([(x0 - 0.04, r * 0.3), (x0, r * 0.45)])
    s.lay(foot, (60, 58, 60), height=raised, gloss=0.6)
    xs = np.linspace(x0, x1, 24)
    mask, height, _ = s.lathe([(float(x), r * (0.96 + 0.06 * np.sin(k * 1.9))) for k, x in enumerate(xs)])
    thread = 0.014 * np.sin((s.x + s.y * 0.1) * 2 * np.pi * 5 / (x1 - x0))
    s.lay(mask, pick(s.rng, [(206, 202, 192), (206, 176, 106)], 0.05), height=height + thread, gloss=0.8, metal=0.9)
