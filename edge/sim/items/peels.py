"""Peels of bananas and citrus fruit."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import Points, arc, blob, jagged, ribbon
from edge.sim.paint import Surface, mix, pick, spine_field


def banana_peel(rng: np.random.Generator, size: int) -> Sprite:
    """Three to five strips from one stem, some showing the pale inside, spotted and browned."""
    s = Surface(rng, size)
    yellow = pick(rng, [(232, 196, 50), (222, 182, 40), (205, 175, 60), (190, 150, 45)])
    spots = s.grain(0.12)
    ripeness = rng.uniform(0.2, 1.6)
    strips = int(rng.integers(3, 6))
    fan = np.linspace(0, 2 * np.pi * rng.uniform(0.6, 0.85), strips) + rng.uniform(-0.2, 0.2, strips)
    hub = (rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15))
    for heading in rng.permutation(fan):
        _banana_strip(s, arc(hub, heading, rng.uniform(0.7, 0.98), rng.uniform(-1.1, 1.1)), yellow, spots - ripeness)
    stem = arc(hub, fan.mean() + np.pi, rng.uniform(0.2, 0.42), rng.uniform(-0.5, 0.5))
    mask = s.fill(ribbon(stem, [0.12, 0.07, 0.055, 0.065]))
    along = spine_field(s, stem)
    s.lay(mask, mix(yellow * 0.95, (70, 55, 25), along**3), height=s.dome(mask, 0.08) + 0.05, gloss=0.1)
    return develop(s)


def _banana_strip(s: Surface, spine: Points, yellow: Field, spots: Field) -> None:
    rng = s.rng
    wide = rng.uniform(0.13, 0.2)
    mask = s.fill(ribbon(spine, [wide * 0.8, wide * 1.1, wide * 1.1, wide * 0.8, 0.03]))
    along = spine_field(s, spine)
    if rng.random() < 0.4:
        flesh = mix((236, 222, 172), (178, 140, 80), along * 0.6 + 0.18 * s.grain(0.25))
        s.lay(mask, yellow * 0.85, height=0.03)
        inner = s.fill(ribbon(spine, [wide * 0.6, wide * 0.85, wide * 0.8, wide * 0.5, 0.01]))
        fibres = s.stroke(*(spine + rng.uniform(-0.06, 0.06, 2) for _ in range(3)), width=0.012)
        s.lay(inner, flesh, height=0.05 - 0.4 * s.dome(inner, 0.1))
        s.lay(inner * fibres, (205, 180, 120))
        return
    skin = mix(yellow, (150, 165, 60), (0.35 - along) * rng.uniform(0, 1.2))
    skin = mix(skin, (84, 56, 26), s.level(spots, 0, 0.6) * 0.9)
    skin = mix(skin, (60, 42, 24), s.level(along, 0.93, 0.1))
    ridge = s.stroke(spine, width=0.02)
    s.lay(mask, skin, height=s.dome(mask, wide) * 0.8 + 0.03, gloss=0.25)
    s.lay(mask * ridge, skin * 0.88, lift=0.012)


def orange_peel(rng: np.random.Generator, size: int) -> Sprite:
    """One to three torn pieces, pored orange outside, white pith inside, or one long spiral."""
    s = Surface(rng, size)
    skin = pick(rng, [(240, 140, 25), (235, 120, 20), (245, 165, 45), (225, 180, 50)])
    if rng.random() < 0.3:
        turns = rng.uniform(1.2, 1.9) * 2 * np.pi
        sweep = np.linspace(0, turns, 60)
        distance = np.linspace(0.22, 0.78, 60)
        spine = np.stack([distance * np.cos(sweep), distance * np.sin(sweep)], axis=1)
        _orange_piece(s, ribbon(spine, [0.06, 0.12, 0.15, 0.13, 0.03]), skin, inside=False)
        return develop(s)
    pieces = int(rng.integers(1, 4))
    reach = (0.0, 0.75, 0.5, 0.48)[pieces]
    for k in range(pieces):
        angle = 2 * np.pi * k / pieces + rng.uniform(-0.3, 0.3)
        apart = (0.0, 0.0, 0.28, 0.38)[pieces]
        shape = blob(
            rng,
            apart * np.cos(angle),
            apart * np.sin(angle),
            reach,
            reach * rng.uniform(0.65, 0.95),
            wobble=0.28,
            knots=7,
        )
        _orange_piece(s, jagged(rng, shape, 0.12, 1), skin, inside=rng.random() < 0.45)
    return develop(s)


def _orange_piece(s: Surface, outline: Points, skin: Field, *, inside: bool) -> None:
    """A peel piece with its pith showing at the rim; ``inside`` up shows only a rim of skin."""
    rng = s.rng
    shift = rng.uniform(-0.045, 0.045, 2)
    middle = outline.mean(axis=0)
    whole, inner = s.fill(outline), s.fill((outline - middle) * 0.9 + middle + shift)
    pores = s.grain(0.045)
    pith = mix((244, 230, 198), (225, 190, 130), 0.35 + 0.3 * s.grain(0.3))
    rind = mix(skin, skin * (0.75, 0.62, 0.5), 0.25 + 0.3 * s.grain(0.6))
    if inside:
        s.lay(whole, rind, height=0.09, gloss=0.2)
        s.lay(inner, pith, height=0.09 - 0.5 * s.dome(inner, 0.25) + 0.012 * s.grain(0.2), gloss=0.0)
        veins = s.stroke(
            *(arc(middle, rng.uniform(0, 6.28), 0.5, rng.uniform(-0.5, 0.5)) for _ in range(5)), width=0.015
        )
        s.lay(inner * veins, (250, 242, 220), lift=0.01)
        return
    s.lay(whole, pith, height=0.05)
    s.lay(inner, rind, height=s.dome(whole, 0.3) * 0.8 + 0.03 + 0.003 * pores, gloss=0.45)
