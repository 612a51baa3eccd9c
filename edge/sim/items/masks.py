"""Face masks."""

import numpy as np

from edge.sim.light import Sprite, develop
from edge.sim.outline import jagged, rectangle, smooth
from edge.sim.paint import Surface, pick, shade


def mask(rng: np.random.Generator, size: int) -> Sprite:
    """A surgical mask: pleats, sealed edges, nose wire, two ear loops; or the cup of a respirator."""
    s = Surface(rng, size)
    if rng.random() < 0.2:
        return _respirator(s)
    blue = pick(rng, [(150, 195, 222), (128, 182, 214), (236, 240, 242), (170, 215, 205), (232, 190, 204)], 0.07)
    w, h = rng.uniform(0.54, 0.62), rng.uniform(0.34, 0.42)
    for side in (-1, 1):
        top, bottom = (side * w * 0.97, -h * 0.85), (side * w * 0.97, h * 0.85)
        reach = side * rng.uniform(0.24, 0.36)
        loop = smooth(
            [
                top,
                (side * w + reach * 0.7, -h * rng.uniform(0.6, 1.3)),
                (side * w + reach, rng.uniform(-0.2, 0.2)),
                (side * w + reach * 0.7, h * rng.uniform(0.6, 1.3)),
                bottom,
            ]
        )
        s.lay(s.stroke(loop[:26], width=0.032), (242, 242, 240), height=0.06)
    bow = rng.uniform(-0.06, 0.1)
    outline = smooth(
        [(-w, -h), (0, -h - bow), (w, -h), (w * 1.01, 0), (w, h), (0, h + bow), (-w, h), (-w * 1.01, 0)], 5
    )
    cloth = s.fill(jagged(rng, outline, 0.03, 1))
    weave = 0.03 * np.sin(s.x * 130) * np.sin(s.y * 130)
    sag = 0.03 * s.grain(0.9) + rng.uniform(0.01, 0.04) * s.creases(0.8)
    s.lay(cloth, shade(blue, weave + 0.02 * s.grain(0.3)), height=0.06 + sag)
    for k in range(3):
        y = -h * 0.5 + k * h * 0.48 + bow * 0.4 * np.cos(s.x * 2)
        step = (s.y - y).clip(0, 0.09)
        s.lay(cloth, lift=np.asarray(0.05 * (step > 0) * (1 - step / 0.09) - 0.02, np.float32), cover=False)
        s.lay(cloth * s.level(-np.abs(s.y - y), -0.012, 0.02), blue * 0.72, cover=False)
    for edge in (
        [(-w, -h), (0, -h - bow), (w, -h)],
        [(-w, h), (0, h + bow), (w, h)],
        [(-w, -h), (-w, h)],
        [(w, -h), (w, h)],
    ):
        s.lay(cloth * s.stroke(edge, width=0.13), blue * 0.35 + 160, lift=0.008)
    s.lay(cloth * s.stroke([(-w * 0.4, -h * 0.86), (w * 0.4, -h * 0.88)], width=0.04), blue * 0.8 + 30, lift=0.02)
    return develop(s)


def _respirator(s: Surface) -> Sprite:
    rng = s.rng
    white = pick(rng, [(238, 238, 234), (226, 230, 232)], 0.04)
    for side in (-1, 1):
        strap = smooth([(-0.4, side * 0.4), (0.1, side * 0.7), (0.75, side * rng.uniform(0.3, 0.6)), (0.8, 0)])
        s.lay(s.stroke(strap[:20], width=0.05), (214, 180, 60) if rng.random() < 0.4 else (236, 236, 232), height=0.05)
    cup = s.fill(
        smooth([(-0.62, 0), (-0.45, -0.42), (0, -0.56), (0.42, -0.4), (0.56, 0), (0.42, 0.4), (0, 0.56), (-0.45, 0.42)])
    )
    s.lay(cup, shade(white, 0.02 * s.grain(0.1)), height=s.dome(cup, 0.5) * 0.8 + 0.0015 * s.grain(0.07))
    s.lay(cup * s.stroke([(-0.62, 0), (0.56, 0)], width=0.03), white * 0.86, lift=0.015)
    s.lay(cup * s.stroke([(-0.5, -0.16), (-0.55, 0), (-0.5, 0.16)], width=0.07), (170, 174, 180), lift=0.02, metal=0.6)
    valve = s.fill(rectangle(0.08, -0.34, 0.36, -0.08, 0.05))
    s.lay(valve, (200, 204, 210), lift=s.dome(valve, 0.05), gloss=0.4)
    return develop(s)
