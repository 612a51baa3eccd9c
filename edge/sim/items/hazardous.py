"""Medicine, paint and aerosols."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import arc, blob, ellipse, jagged, rectangle, smooth
from edge.sim.paint import Surface, pick
from edge.sim.printing import INKS, brand, label, text_block

_STEEL = (198, 198, 200)
_COPPER = (196, 120, 52)
_WRAPS = ((28, 28, 32), (196, 30, 36), (24, 70, 160), (24, 120, 70), (226, 180, 40), (210, 212, 214), (90, 40, 120))


def tablet_blister(rng: np.random.Generator, size: int) -> Sprite:
    """A foil card of pockets with tablets or capsules, some pressed out."""
    s = Surface(rng, size)
    capsule = rng.random() < 0.4
    cols, rows = (
        int(rng.integers(3, 5) if capsule else rng.integers(4, 7)),
        int(rng.integers(2, 5) if capsule else rng.integers(2, 4)),
    )
    w, h = 0.82, 0.82 * rows / cols * rng.uniform(0.95, 1.15) * (0.55 if capsule else 1.0)
    card = s.fill(rectangle(-w, -h, w, h, 0.08))
    foil = pick(rng, [(206, 208, 212), (214, 216, 220), (214, 190, 120)], 0.04)
    s.lay(
        card,
        foil,
        height=0.04 + 0.006 * s.creases(0.4) + 0.002 * np.sin(s.x * 160) * np.sin(s.y * 160),
        gloss=0.8,
        metal=0.8,
    )
    s.lay(card * text_block(s, (-w, -h, w, h), 0.09) * 0.35, (90, 110, 150), cover=False)
    rx, ry = w / cols * 0.72, h / rows * 0.72
    pill, other = (
        pick(rng, [(244, 242, 236), (236, 160, 150), (250, 214, 110), (170, 200, 226)]),
        pick(rng, [(200, 50, 50), (60, 110, 180), (60, 150, 90)]),
    )
    for cy in np.linspace(-h + h / rows, h - h / rows, rows):
        for cx in np.linspace(-w + w / cols, w - w / cols, cols):
            _pocket(
                s,
                (float(cx), float(cy)),
                (rx, ry if capsule else min(rx, ry)),
                (pill, other) if capsule else (pill, pill),
                empty=rng.random() < 0.22,
            )
    s.lay(card * s.stroke([(0, -h), (0, h)], width=0.01), foil * 0.6, cover=False)
    return develop(s)


def _pocket(
    s: Surface, at: tuple[float, float], reach: tuple[float, float], pill: tuple[Field, Field], *, empty: bool
) -> None:
    (cx, cy), (rx, ry) = at, reach
    rx = min(rx, ry) if pill[0] is pill[1] else rx
    bubble = s.fill(rectangle(cx - rx, cy - ry, cx + rx, cy + ry, min(rx, ry)))
    dome = s.dome(bubble, min(rx, ry))
    if empty:
        torn = s.fill(jagged(s.rng, ellipse(cx, cy, rx * 0.8, ry * 0.8)[::6], 0.3, 2))
        s.lay(bubble, (170, 172, 176), height=0.04 + 0.2 * dome)
        s.lay(torn, (66, 62, 62), height=0.0, metal=0.1, gloss=0.2)
        return
    s.lay(bubble, (226, 230, 234), height=0.05 + 0.6 * dome, metal=0.15, gloss=1.0)
    inner = s.fill(rectangle(cx - rx * 0.82, cy - ry * 0.82, cx + rx * 0.82, cy + ry * 0.82, min(rx, ry) * 0.8))
    s.lay(inner, pill[0], gloss=0.9, metal=0.0)
    s.lay(inner * s.band(cx, cx + rx), pill[1])


def paint_tin(rng: np.random.Generator, size: int) -> Sprite:
    """A tin with lid, wire handle, label and runs of paint, lying or seen from above."""
    s = Surface(rng, size)
    paint = pick(rng, [*INKS, (240, 238, 230), (180, 200, 190)])
    if rng.random() < 0.4:
        return _paint_tin_top(s, paint)
    half, r = rng.uniform(0.52, 0.6), rng.uniform(0.48, 0.56)
    handle = smooth(
        [
            (-half * 0.2, r * 0.95),
            (half * 0.9, r * 1.1),
            (half + 0.28, 0.1),
            (half * 0.9, -r * 1.05),
            (-half * 0.2, -r * 0.95),
            (half * 0.6, 0),
        ]
    )
    s.lay(s.stroke(handle[:26], width=0.028), (150, 150, 154), height=0.08, metal=0.8)
    mask, height, across = s.lathe(
        [
            (-half, r * 1.02),
            (-half + 0.04, r),
            (half - 0.08, r),
            (half - 0.05, r * 1.04),
            (half, r * 1.04),
            (half + 0.04, r * 0.9),
        ]
    )
    s.lay(mask, (196, 198, 202), height=height * 0.9 + 0.012 * s.creases(0.6), gloss=0.7, metal=0.85)
    label(s, mask * s.band(-half + 0.1, half - 0.16), (-half + 0.1, half - 0.16), r)
    s.lay(mask * s.level(s.x + 0.35 * s.grain(0.22) - half, 0.0, 0.03), paint, gloss=0.8, metal=0.0, lift=0.015)
    run = mask * s.level(s.grain(0.3) * 0.16 + s.x - half + 0.5 * np.abs(across - rng.uniform(-0.5, 0.5)), -0.12, 0.04)
    s.lay(run, paint, gloss=0.8, metal=0.0, lift=0.012)
    return develop(s)


def _paint_tin_top(s: Surface, paint: Field) -> Sprite:
    rng, r = s.rng, 0.74
    s.lay(
        s.stroke(arc((-r, 0.1), np.pi * 0.62, 2.0, -np.pi * 0.95, 30), width=0.03),
        (150, 150, 154),
        height=0.1,
        metal=0.8,
    )
    whole = s.fill(ellipse(0, 0, r, r))
    away = np.hypot(s.x, s.y)
    s.lay(whole, (196, 198, 202), height=0.12 + 0.035 * np.cos(away * 42) * (away > 0.5), gloss=0.8, metal=0.85)
    if rng.random() < 0.5:
        pool = s.fill(ellipse(0, 0, r * 0.82, r * 0.82))
        s.lay(pool, paint, height=0.04 + 0.006 * s.grain(0.5), gloss=0.9, metal=0.0)
        s.lay(pool * s.level(away, r * 0.72, 0.08), paint * 0.7)
    else:
        s.lay(s.fill(ellipse(0, 0, r * 0.66, r * 0.66)), (188, 190, 194), height=0.08 + 0.006 * s.creases(0.5))
        s.lay(brand(s, -0.4, 0.08, 0.18), paint * 0.8, cover=False)
    s.lay(
        whole * s.level(s.grain(0.3) + 1.2 * away, rng.uniform(1.6, 2.3), 0.1),
        paint,
        gloss=0.9,
        metal=0.0,
        lift=0.012,
        cover=False,
    )
    s.lay(s.fill(blob(rng, 0, r, 0.12, 0.16, wobble=0.3)), paint, height=0.05, gloss=0.9)
    return develop(s)


def syringe(rng: np.random.Generator, size: int) -> Sprite:
    """A syringe: clear barrel with a scale, plunger, flange, and a needle or its cap."""
    s = Surface(rng, size)
    r, drawn = rng.uniform(0.085, 0.13), rng.uniform(-0.25, 0.3)
    rod, rod_height, _ = s.lathe([(-0.95, r * 1.25), (-0.9, r * 1.25), (-0.9, r * 0.45), (drawn, r * 0.45)])
    s.lay(rod, (232, 234, 236), height=rod_height * 0.6, gloss=0.5)
    barrel, height, _ = s.lathe(
        [(-0.5, r * 1.9), (-0.46, r * 1.9), (-0.46, r), (0.5, r), (0.54, r * 0.4), (0.62, r * 0.36)]
    )
    liquid = pick(rng, [(232, 236, 238), (226, 196, 120), (180, 60, 50), (190, 216, 232)])
    s.lay(barrel, (220, 228, 232), height=height, gloss=1.0, clear=0.62)
    s.lay(barrel * s.band(drawn, 0.5), liquid, clear=0.35)
    s.lay(barrel * s.band(drawn - 0.08, drawn), (40, 40, 44), clear=0.0, gloss=0.4)
    ticks = [
        np.array([(x, -r), (x, -r * (0.1 if k % 5 == 0 else 0.5))]) for k, x in enumerate(np.linspace(-0.35, 0.45, 21))
    ]
    s.lay(barrel * s.stroke(*ticks, width=0.012), (40, 44, 60), clear=0.0)
    if rng.random() < 0.6:
        hub, hub_height, _ = s.lathe([(0.6, r * 0.5), (0.7, r * 0.3)])
        s.lay(hub, pick(rng, [(60, 150, 90), (240, 140, 60), (40, 90, 170)]), height=hub_height, gloss=0.4)
        s.lay(s.stroke([(0.68, 0), (0.96, 0)], width=0.018), (186, 190, 196), height=0.03, metal=0.8)
    else:
        cap, cap_height, _ = s.lathe([(0.58, r * 0.55), (0.94, r * 0.4), (0.96, r * 0.3)])
        s.lay(cap, pick(rng, [(240, 130, 50), (236, 238, 240)]), height=cap_height, gloss=0.6, clear=0.15)
    return develop(s)


def spray_can(rng: np.random.Generator, size: int) -> Sprite:
    """An aerosol can on its side: printed body, shoulder, valve with nozzle or a cap."""
    s = Surface(rng, size)
    r = rng.uniform(0.22, 0.28)
    mask, height, _ = s.lathe(
        [(-0.9, r * 0.92), (-0.87, r), (0.42, r), (0.47, r * 0.96), (0.56, r * 0.75), (0.61, r * 0.55)]
    )
    s.lay(mask, (200, 202, 205), height=height + 0.006 * s.creases(0.5), gloss=0.8, metal=0.85)
    label(s, mask * s.band(-0.82, 0.4), (-0.8, 0.35), r)
    side = rng.uniform(-0.4, 0.5) * r
    sign = np.array([(0.18, side - 0.11), (0.29, side), (0.18, side + 0.11), (0.07, side)])
    s.lay(mask * s.fill(sign), (244, 244, 240), cover=False)
    s.lay(mask * s.stroke(sign, width=0.025, closed=True), (210, 40, 40), cover=False)
    s.lay(mask * s.fill(blob(rng, 0.18, side, 0.035, 0.05)), (40, 30, 30), cover=False)
    if rng.random() < 0.5:
        cap, raised, _ = s.lathe([(0.46, r * 0.94), (0.88, r * 0.9), (0.92, r * 0.8)])
        s.lay(cap, pick(rng, INKS), height=raised, gloss=0.6, metal=0.0)
    else:
        valve, raised, _ = s.lathe(
            [(0.6, r * 0.3), (0.68, r * 0.3), (0.68, r * 0.42), (0.84, r * 0.42), (0.86, r * 0.3)]
        )
        s.lay(valve, pick(rng, [(240, 240, 238), (200, 40, 40), (40, 40, 44)]), height=raised, gloss=0.5)
        s.lay(s.fill(ellipse(0.77, -r * 0.1, 0.025, 0.025)), (30, 30, 30))
    return develop(s)
