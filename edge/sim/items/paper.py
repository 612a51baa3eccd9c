"""Cardboard and paper."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import blob, jagged, rectangle
from edge.sim.paint import Surface, mix, pick, shade, vary
from edge.sim.printing import bar_code, brand, text_block

_CAPS = ((30, 90, 190), (225, 230, 235), (200, 40, 40), (40, 140, 80), (240, 150, 30), (60, 60, 70))


def cardboard_box(rng: np.random.Generator, size: int) -> Sprite:
    """A brown box from above and a little aside, or a torn flat piece with its corrugation showing."""
    s = Surface(rng, size)
    brown = pick(rng, [(186, 143, 95), (170, 125, 80), (200, 160, 112), (214, 190, 155)])
    fibre = 0.035 * s.grain(0.08) + 0.04 * s.grain(0.8)
    if rng.random() < 0.35:
        return _cardboard_piece(s, shade(brown, fibre))
    w, h = rng.uniform(0.45, 0.66), rng.uniform(0.36, 0.5)
    dx, dy = rng.uniform(0.06, 0.22) * rng.choice([-1, 1]), rng.uniform(0.06, 0.24)
    top = s.fill(rectangle(-w, -h, w, h, 0.015))
    body = s.fills(
        [
            np.array([(x, y), (x2, y2), (x2 + dx, y2 + dy), (x + dx, y + dy)])
            for (x, y), (x2, y2) in zip(_corners(w, h), np.roll(_corners(w, h), -1, 0), strict=True)
        ]
    )
    side = s.fill([(-w, h), (w, h), (w + dx, h + dy), (-w + dx, h + dy)])
    s.lay(body, shade(brown * 0.72, fibre), height=0.05)
    s.lay(side, shade(brown * 0.58, fibre), height=0.05)
    s.lay(top, shade(brown, fibre), height=0.16 + 0.012 * s.grain(0.9))
    s.lay(s.stroke([(-w, 0), (w, 0)], width=0.018) * top, brown * 0.45, lift=-0.01)
    if rng.random() < 0.75:
        tape = pick(rng, [(214, 178, 118), (236, 226, 200), (168, 122, 70)])
        s.lay(
            s.fill(rectangle(-w, -0.085, w, 0.085)) * top,
            tape * (0.95 + 0.03 * rng.uniform(-1, 1)),
            gloss=0.5,
            lift=0.004,
        )
    _box_print(s, top, w, h)
    return develop(s)


def _corners(w: float, h: float) -> Field:
    return np.array([(-w, -h), (w, -h), (w, h), (-w, h)], np.float32)


def _box_print(s: Surface, top: Field, w: float, h: float) -> None:
    rng = s.rng
    ink = pick(rng, [(60, 40, 28), (30, 60, 110), (150, 40, 30)])
    s.lay(top * brand(s, -w * 0.85, -h * 0.45, h * rng.uniform(0.25, 0.4)), ink)
    sheet = rectangle(w * 0.15, h * 0.32, w * 0.85, h * 0.9)
    if rng.random() < 0.6:
        s.lay(s.fill(sheet), (240, 240, 236), lift=0.003)
        s.lay(bar_code(s, w * 0.22, h * 0.4, w * 0.78, h * 0.6), (25, 25, 28))
        s.lay(text_block(s, (w * 0.22, h * 0.68, w * 0.8, h * 0.86), 0.045), (60, 60, 64))
    for k in range(2):
        x = -w * 0.8 + k * 0.18
        arrow = [(x, h * 0.8), (x, h * 0.5), (x - 0.05, h * 0.6), (x, h * 0.5), (x + 0.05, h * 0.6)]
        s.lay(s.stroke(arrow, width=0.03) * top, ink)


def _cardboard_piece(s: Surface, board: Field) -> Sprite:
    rng = s.rng
    knots = np.array(
        [(-0.75, -0.5), (0, -0.55), (0.72, -0.48), (0.8, 0.05), (0.7, 0.52), (0.05, 0.5), (-0.7, 0.55), (-0.8, 0)]
    ) * rng.uniform(0.8, 1.0, (8, 2))
    mask, inner = s.fill(jagged(rng, knots, 0.08, 3)), s.fill(jagged(rng, knots * 0.94, 0.05, 3))
    flutes = 0.5 + 0.5 * np.sin(s.x * 95)
    s.lay(mask, board * 0.8, height=0.02 + 0.012 * flutes)
    s.lay(inner, board, height=0.05 + 0.014 * s.creases(1.2) + 0.0015 * flutes)
    fold = rng.uniform(-0.3, 0.3)
    s.lay(inner * s.stroke([(fold, -1), (fold + rng.uniform(-0.1, 0.1), 1)], width=0.025), board * 0.85, lift=-0.012)
    bare = s.level(s.grain(0.5), 1.1, 0.1) * inner
    s.lay(bare, board * mix((0.8, 0.78, 0.75), (0.95, 0.93, 0.9), flutes), height=0.03 + 0.012 * flutes)
    return develop(s)


def paper(rng: np.random.Generator, size: int) -> Sprite:
    """A printed or written sheet with creases, or a sheet crumpled to a ball."""
    s = Surface(rng, size)
    white = pick(rng, [(240, 240, 236), (246, 244, 230), (228, 230, 234), (242, 224, 150), (235, 190, 200)], 0.05)
    if rng.random() < 0.4:
        ball = jagged(rng, blob(rng, 0, 0, 0.74, 0.62, wobble=0.14, knots=11)[::4], 0.16, 2)
        mask = s.fill(ball)
        folds = s.creases(0.55)
        print_ = text_block(s, (-0.7, -0.6, 0.7, 0.6), 0.12) * rng.uniform(0, 0.5)
        s.lay(
            mask,
            mix(white, (90, 90, 100), print_),
            height=s.dome(mask, 0.4) * 0.7 + 0.05 * folds + 0.015 * s.creases(0.2),
        )
        return develop(s)
    w, h = rng.uniform(0.5, 0.56), rng.uniform(0.68, 0.78)
    outline = jagged(rng, rectangle(-w, -h, w, h), 0.02, 2)
    mask = s.fill(outline)
    if rng.random() < 0.4:
        mask = mask * (1 - s.fill(jagged(rng, [(w * 0.2, -1), (1, -1), (1, -h * 0.2)], 0.12, 3)))
    s.lay(
        mask,
        shade(white, 0.012 * s.grain(0.6)),
        height=0.03 + rng.uniform(0.004, 0.03) * s.creases(rng.uniform(0.5, 1.4)),
    )
    ink = pick(rng, [(50, 50, 56), (35, 50, 120)])
    s.lay(mask * brand(s, -w * 0.8, -h * 0.72, rng.uniform(0.06, 0.13)), ink)
    s.lay(mask * text_block(s, (-w * 0.82, -h * 0.55, w * 0.85, h * rng.uniform(0.2, 0.85)), 0.062), ink)
    return develop(s)


def newspaper(rng: np.random.Generator, size: int) -> Sprite:
    """A folded page: head line, columns of grey text, dark picture blocks."""
    s = Surface(rng, size)
    stock = pick(rng, [(214, 210, 198), (224, 220, 206), (205, 200, 188)], 0.05)
    w, h = rng.uniform(0.55, 0.66), rng.uniform(0.6, 0.74)
    mask = s.fill(jagged(rng, rectangle(-w, -h, w, h), 0.025, 3))
    under = s.fill(jagged(rng, rectangle(-w + 0.05, -h - 0.03, w + 0.04, h - 0.05), 0.03, 3))
    s.lay(under, stock * 0.9, height=0.02)
    s.lay(
        mask, shade(stock, 0.02 * s.grain(0.5)), height=0.05 + 0.012 * s.creases(1.0) + 0.02 * np.abs(s.y) * (s.y > 0)
    )
    ink = (58, 56, 56)
    s.lay(mask * brand(s, -w * 0.9, -h * 0.72, 0.2), (35, 33, 34))
    s.lay(mask * s.stroke([(-w * 0.92, -h * 0.66), (w * 0.92, -h * 0.66)], width=0.015), ink)
    columns = int(rng.integers(2, 5))
    edges = np.linspace(-w * 0.92, w * 0.94, columns + 1)
    photo = int(rng.integers(columns))
    for k in range(columns):
        top = -h * 0.58
        if k == photo:
            top = rng.uniform(-0.1, 0.1)
            picture = mask * s.fill(rectangle(edges[k], -h * 0.58, edges[k + 1] - 0.04, top - 0.05))
            s.lay(picture, mix((70, 68, 68), vary(rng, (170, 160, 150), 0.3), 0.5 + 0.3 * s.grain(0.3)))
        s.lay(mask * text_block(s, (edges[k], top, edges[k + 1] - 0.04, h * 0.95), 0.048), ink)
    s.lay(
        mask * s.stroke([(-w, rng.uniform(-0.05, 0.05)), (w, rng.uniform(-0.05, 0.05))], width=0.02),
        stock * 0.8,
        lift=-0.012,
    )
    return develop(s)
