"""Bottles, cans, glass."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import blob, ellipse, rectangle
from edge.sim.paint import Surface, pick, shade
from edge.sim.printing import INKS, brand, label, text_block

_CAPS = ((30, 90, 190), (225, 230, 235), (200, 40, 40), (40, 140, 80), (240, 150, 30), (60, 60, 70))


def bottle(rng: np.random.Generator, size: int) -> Sprite:
    """A PET bottle on its side: ribs, shoulder, cap, a label most of the time, often crushed."""
    s = Surface(rng, size)
    tint = pick(rng, [(222, 232, 238), (200, 222, 240), (150, 205, 175), (225, 232, 225), (190, 150, 100)])
    r, neck, shoulder = rng.uniform(0.24, 0.34), rng.uniform(0.09, 0.115), rng.uniform(0.3, 0.5)
    squash = rng.uniform(0, 0.16) * (rng.random() < 0.5)
    body = np.linspace(-0.9, shoulder, 30)
    ribs = 0.012 * np.sin(body * rng.uniform(28, 50)) * (np.abs(body + 0.15) > 0.24)
    dent = squash * np.exp(-(((body - rng.uniform(-0.6, 0.1)) / 0.22) ** 2))
    stations = [(-0.93, r * 0.75), *zip(body, r + ribs - dent, strict=True)]
    stations += [
        (shoulder + 0.12, r * 0.86),
        (shoulder + 0.26, r * 0.55),
        (0.78, neck * 1.05),
        (0.8, neck),
        (0.84, neck),
    ]
    mask, height, across = s.lathe(stations)
    crumple = (0.008 + squash * 0.25) * s.creases(0.45)
    s.lay(
        mask, shade(tint, 0.06 * s.grain(0.5)), height=height * 0.9 + crumple, gloss=1.0, clear=rng.uniform(0.72, 0.9)
    )
    s.lay(mask * s.fill(ellipse(-0.93, 0, 0.05, r * 0.6)), tint * 0.8, clear=0.4)
    s.lay(mask * s.level(np.abs(across), 0.86, 0.12), tint * 0.92, clear=0.45)
    if rng.random() < 0.75:
        x0 = rng.uniform(-0.55, -0.4)
        x1 = min(x0 + rng.uniform(0.35, 0.65), shoulder)
        label(s, mask * s.band(x0, x1), (x0, x1), r)
    if rng.random() < 0.8:
        _cap(s, neck, pick(rng, _CAPS))
    return develop(s)


def _cap(s: Surface, neck: float, colour: Field) -> None:
    mask, height, _ = s.lathe([(0.8, neck * 1.28), (0.95, neck * 1.22)])
    s.lay(s.fill(rectangle(0.76, -neck * 1.4, 0.785, neck * 1.4, 0.01)), colour * 0.9, height=neck, clear=0, gloss=0.4)
    grooves = 0.12 * np.sign(np.sin(s.y * 150))
    s.lay(mask, shade(colour, grooves), height=height, gloss=0.35, clear=0.0, metal=0.0)


def can(rng: np.random.Generator, size: int) -> Sprite:
    """A drinks or food can: printed on its side, dented, crushed flat, or seen from its lid."""
    s = Surface(rng, size)
    if rng.random() < 0.25:
        return _can_lid(s)
    tall = rng.random() < 0.75
    half, r = (
        (rng.uniform(0.7, 0.82), rng.uniform(0.36, 0.43)) if tall else (rng.uniform(0.5, 0.6), rng.uniform(0.4, 0.5))
    )
    neck = 0.84 if tall else 1.0
    crush = rng.uniform(0.05, 0.3) if rng.random() < 0.5 else 0.0
    along = np.linspace(-half + 0.12, half - 0.12, 16)
    waist = r * (1 - crush * np.exp(-(((along - rng.uniform(-0.2, 0.2)) / 0.25) ** 2)))
    stations = [
        (-half, r * neck),
        (-half + 0.03, r * neck),
        *zip(along, waist, strict=True),
        (half - 0.03, r * neck),
        (half, r * neck),
    ]
    mask, height, _ = s.lathe(stations)
    dents = (0.005 + 0.16 * crush) * s.creases(0.4)
    s.lay(mask, (205, 207, 210), height=height * 0.85 + dents, gloss=0.7, metal=0.9)
    _can_print(s, mask, half, r, bare=0.13 if tall else 0.05)
    if not tall:
        s.lay(mask, lift=0.006 * np.sin(s.x * 70))
    end = s.fill(ellipse(half - 0.01, 0, 0.075, r * neck * 0.97))
    s.lay(end, (186, 188, 192), height=0.1 + 0.1 * (s.x - half), gloss=0.8, metal=0.9)
    s.lay(s.fill(ellipse(half, 0, 0.045, r * neck * 0.8)), (150, 152, 156), lift=-0.02)
    return develop(s)


def _can_print(s: Surface, mask: Field, half: float, r: float, bare: float) -> None:
    rng = s.rng
    ground, accent = pick(rng, INKS), pick(rng, INKS)
    printed = mask * s.band(-half + bare, half - bare)
    s.lay(printed, ground, metal=rng.uniform(0.2, 0.5))
    wave = s.y - r * rng.uniform(-0.4, 0.5) - 0.1 * np.sin(s.x * rng.uniform(3, 7) + rng.uniform(0, 6))
    s.lay(printed * s.level(-np.abs(wave), -rng.uniform(0.05, 0.16), 0.02), accent)
    ink = (245, 245, 240) if ground.mean() < 150 else (30, 30, 40)
    s.lay(printed * brand(s, -half + bare + 0.06, rng.uniform(-0.05, 0.15), r * 0.5), ink)
    s.lay(printed * text_block(s, (-0.3, r * 0.55, 0.4, r * 0.85), 0.06), ink)


def _can_lid(s: Surface) -> Sprite:
    """Looking down on a standing can: rim, recess, tab and opening."""
    rng, r = s.rng, 0.8
    whole = s.fill(ellipse(0, 0, r, r))
    wall = pick(rng, INKS)
    s.lay(whole, wall, height=s.dome(whole, 0.14), gloss=0.5, metal=0.3)
    rim = s.fill(ellipse(0, 0, r * 0.9, r * 0.9))
    away = np.hypot(s.x, s.y)
    brushed = 0.05 * s.grain(0.06)
    s.lay(
        rim,
        shade((206, 208, 212), brushed),
        height=0.2 + 0.04 * np.cos((away - r * 0.84) * 40) * (away > r * 0.7),
        gloss=0.9,
        metal=0.85,
    )
    s.lay(
        s.fill(blob(rng, 0.32, 0, 0.22, 0.19, wobble=0.05)),
        (35, 34, 36) if rng.random() < 0.6 else (190, 192, 195),
        lift=-0.03,
        metal=0.3,
    )
    tab = s.fill(rectangle(-0.36, -0.13, 0.16, 0.13, 0.12))
    s.lay(tab, (216, 218, 222), lift=s.dome(tab, 0.05), metal=0.9)
    s.lay(s.fill(ellipse(-0.2, 0, 0.09, 0.07)), (120, 122, 126), lift=-0.04)
    s.lay(s.fill(ellipse(0.06, 0, 0.035, 0.035)), (170, 172, 176), lift=0.03)
    return develop(s)


def glass(rng: np.random.Generator, size: int) -> Sprite:
    """A wine, beer or spirits bottle, or a jar with a metal lid."""
    s = Surface(rng, size)
    tint = pick(rng, [(60, 110, 50), (40, 85, 45), (120, 72, 28), (96, 56, 24), (205, 222, 215)])
    jar = rng.random() < 0.35
    if jar:
        r = rng.uniform(0.38, 0.46)
        tint = pick(rng, [(214, 226, 222), (205, 222, 215)])
        stations = [(-0.72, r * 0.85), (-0.67, r), (0.38, r), (0.46, r * 0.88), (0.56, r * 0.84)]
    else:
        r, neck, shoulder = rng.uniform(0.2, 0.26), rng.uniform(0.062, 0.08), rng.uniform(0.05, 0.25)
        stations = [
            (-0.95, r * 0.85),
            (-0.92, r),
            (shoulder, r),
            (shoulder + 0.12, r * 0.8),
            (shoulder + 0.26, neck * 1.3),
            (0.6, neck),
            (0.88, neck),
            (0.88, neck * 1.3),
            (0.93, neck * 1.25),
        ]
    mask, height, across = s.lathe(stations)
    clear = rng.uniform(0.35, 0.6) if tint.mean() < 150 else rng.uniform(0.65, 0.8)
    s.lay(mask, tint, height=height, gloss=1.0, clear=clear)
    s.lay(mask * s.level(np.abs(across), 0.72, 0.2), tint * 0.6, clear=clear * 0.4)
    s.lay(mask * s.fill(rectangle(-0.9, -r * 0.5, 0.5, -r * 0.34, 0.04)), (235, 242, 240), clear=0.35)
    if rng.random() < 0.7:
        x0 = -0.55 if jar else -0.75
        label(s, mask * s.band(x0, x0 + rng.uniform(0.45, 0.65)), (x0, x0 + 0.6), r)
    if jar:
        lid, raised, _ = s.lathe([(0.53, r * 0.92), (0.72, r * 0.92), (0.74, r * 0.84)])
        s.lay(lid, pick(rng, [*INKS, (190, 170, 90)]), height=raised, gloss=0.6, metal=0.5, clear=0.0)
    elif rng.random() < 0.6:
        s.lay(
            mask * s.band(rng.uniform(0.45, 0.85), 0.95),
            pick(rng, [(170, 140, 60), (120, 25, 30), (40, 40, 44), tuple(tint)]),
            clear=0.1,
            gloss=0.8,
        )
    return develop(s)
