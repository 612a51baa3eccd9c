"""Batteries: round cells, 9 V blocks, button cells."""

import numpy as np

from edge.sim.light import Sprite, develop
from edge.sim.outline import ellipse, rectangle
from edge.sim.paint import Surface, pick, shade
from edge.sim.printing import brand, text_block, word

_STEEL = (198, 198, 200)
_COPPER = (196, 120, 52)
_WRAPS = ((28, 28, 32), (196, 30, 36), (24, 70, 160), (24, 120, 70), (226, 180, 40), (210, 212, 214), (90, 40, 120))


def battery(rng: np.random.Generator, size: int) -> Sprite:
    """A round cell (AA to D), a 9 V block or a button cell."""
    s = Surface(rng, size)
    kind = rng.random()
    if kind < 0.6:
        _round_cell(s)
    elif kind < 0.8:
        _block(s)
    else:
        _button(s)
    rust = s.level(s.grain(0.25), rng.uniform(1.2, 3.4), 0.5) * s.cover * 0.8
    s.lay(rust, (122, 78, 44), gloss=0.0, metal=0.0, cover=False)
    return develop(s)


def _round_cell(s: Surface) -> None:
    rng = s.rng
    r, half = rng.uniform(0.2, 0.36), 0.8
    body, second = pick(rng, _WRAPS), pick(rng, [_COPPER, (214, 176, 70), _STEEL, *_WRAPS])
    stations = [
        (-half, r * 0.9),
        (-half + 0.02, r),
        (half - 0.04, r),
        (half - 0.01, r * 0.9),
        (half, r * 0.4),
        (half + 0.07, r * 0.38),
        (half + 0.08, r * 0.3),
    ]
    mask, height, _ = s.lathe(stations)
    s.lay(mask, _STEEL, height=height, gloss=0.8, metal=0.85)
    s.lay(mask * s.band(-half + 0.05, half - 0.06), body, metal=0.25, gloss=0.75)
    split = rng.uniform(0.15, 0.45)
    s.lay(mask * s.band(split, half - 0.06), second, metal=0.6 if second is not body else 0.2)
    s.lay(mask * s.band(split - 0.03, split), (236, 236, 232))
    ink = (245, 245, 240) if body.mean() < 130 else (30, 30, 36)
    s.lay(mask * brand(s, -half + 0.15, rng.uniform(-0.05, 0.1), r * 0.62), ink, cover=False)
    s.lay(mask * text_block(s, (-half + 0.15, r * 0.5, 0.1, r * 0.85), 0.06), ink, cover=False)
    s.lay(mask * word(s, "+", half - 0.26, r * 0.25, r * 0.55), (250, 250, 246), cover=False)
    s.lay(mask * s.band(half - 0.045, half - 0.03), (40, 40, 42), metal=0.1)


def _block(s: Surface) -> None:
    rng = s.rng
    body, second = pick(rng, _WRAPS), pick(rng, [_COPPER, (214, 176, 70), *_WRAPS])
    w, h = rng.uniform(0.66, 0.74), rng.uniform(0.4, 0.46)
    mask = s.fill(rectangle(-w, -h, w, h, 0.06))
    s.lay(mask, body, height=s.dome(mask, 0.06) + 0.12, gloss=0.6, metal=0.3)
    s.lay(mask * s.band(rng.uniform(-0.1, 0.3), w - 0.05), second, metal=0.4)
    s.lay(mask * s.fill(rectangle(-w, -h, -w + 0.05, h)), _STEEL, metal=0.8)
    s.lay(mask * s.fill(rectangle(w - 0.06, -h, w, h)), (52, 50, 50), metal=0.2)
    ink = (245, 245, 240) if body.mean() < 130 else (30, 30, 36)
    s.lay(mask * brand(s, -w + 0.12, -0.05, 0.2), ink, cover=False)
    s.lay(mask * word(s, "9V", -w + 0.15, h * 0.75, 0.22), ink, cover=False)
    for y, big in ((-h * 0.5, 0.15), (h * 0.5, 0.12)):
        snap, height, _ = s.lathe([(w, big), (w + 0.12, big)])
        shifted = np.roll(snap, round(y * s.size / 2), axis=0)
        s.lay(shifted, _STEEL, height=np.roll(height, round(y * s.size / 2), axis=0), gloss=0.8, metal=0.9)
        s.lay(shifted * s.band(w + 0.08, w + 0.12), (150, 150, 152))


def _button(s: Surface) -> None:
    rng, r = s.rng, 0.72
    can = s.fill(ellipse(0, 0, r, r))
    away = np.hypot(s.x, s.y)
    fan = 0.22 * np.cos(2 * np.arctan2(s.y, s.x) - rng.uniform(0, 6.28))
    spun = fan + 0.03 * np.sin(away * 160) - 0.18
    s.lay(can, shade(_STEEL, spun), height=s.dome(can, 0.14), gloss=0.9, metal=0.9)
    s.lay(s.stroke(ellipse(0, 0, r * 0.86, r * 0.86), width=0.03, closed=True), (112, 112, 116), cover=False)
    if rng.random() < 0.5:
        gap = s.fill(ellipse(0, 0, r * 0.8, r * 0.8))
        s.lay(gap, (44, 42, 44), height=0.1, metal=0.1)
        lid = s.fill(ellipse(0, 0, r * 0.73, r * 0.73))
        s.lay(lid, shade((198, 196, 192), spun + 0.03 * s.grain(0.07)), height=0.1 + s.dome(lid, 0.1), metal=0.85)
        return
    for text, y, tall in (("+", -0.16, 0.34), ("CR2032", 0.14, 0.18), ("3V", 0.44, 0.18)):
        mark = word(s, text, -0.06 * len(text) - 0.06, y, tall)
        s.lay(mark, (84, 84, 88), lift=-0.012, cover=False)
