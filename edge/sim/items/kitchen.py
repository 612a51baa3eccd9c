"""Kitchen waste beside peels: cores, shells, leaves, bread and bones."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import arc, blob, ellipse, jagged, moved, ribbon, smooth, turned
from edge.sim.paint import Surface, mix, pick, shade


def apple_core(rng: np.random.Generator, size: int) -> Sprite:
    """Skin at both ends, a bitten waist of browning flesh, seeds and a stem."""
    s = Surface(rng, size)
    skin = pick(rng, [(190, 35, 40), (205, 60, 45), (140, 165, 50), (215, 185, 70)])
    waist, top, bottom = rng.uniform(0.15, 0.27), rng.uniform(0.38, 0.48), rng.uniform(0.34, 0.44)
    xs = np.linspace(-0.72, 0.72, 40)
    ends = np.where(xs < 0, top, bottom) * np.sqrt((1 - (np.abs(xs) / 0.74) ** 12).clip(0.02))
    share = np.sin((np.abs(xs) / 0.6).clip(0, 1) * np.pi / 2) ** rng.uniform(2.0, 4.0)
    mask, height, _ = s.lathe(list(zip(xs, waist + (ends - waist) * share, strict=True)))
    bites = s.grain(0.3)
    mask = mask * (1 - s.level(np.abs(s.y) - waist * 0.9 + 0.05 * bites, top * 0.62, 0.03))
    flesh = mix((240, 226, 170), (176, 120, 58), rng.uniform(0.15, 0.7) + 0.28 * bites)
    s.lay(mask, flesh, height=height * 0.9 + 0.022 * bites, gloss=0.2)
    edge = np.abs(s.x) - 0.03 * s.grain(0.4) + 0.25 * np.abs(s.y)
    streaks = mix(skin, (225, 200, 90), 0.15 + 0.22 * s.grain(0.15))
    s.lay(mask * s.level(edge, rng.uniform(0.48, 0.56), 0.03), streaks, lift=0.015, gloss=0.5)
    s.lay(s.fill(ellipse(-0.68, 0, 0.05, 0.13)) * mask, (90, 70, 35), lift=-0.04)
    for _ in range(int(rng.integers(1, 4))):
        seed = s.fill(ellipse(rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12), 0.075, 0.038, rng.uniform(-0.6, 0.6)))
        s.lay(seed, (70, 36, 18), height=s.dome(seed, 0.05) + 0.2, gloss=0.7)
    stem = s.stroke(
        arc((-0.66, 0), np.pi + rng.uniform(-0.4, 0.4), rng.uniform(0.15, 0.3), rng.uniform(-0.8, 0.8)), width=0.045
    )
    s.lay(stem, (88, 60, 32), height=0.15)
    return develop(s)


def eggshell(rng: np.random.Generator, size: int) -> Sprite:
    """One or two broken halves, hollow or domed, and some splinters."""
    s = Surface(rng, size)
    shell = pick(rng, [(225, 190, 155), (205, 150, 110), (240, 232, 220), (232, 210, 185)], 0.08)
    freckles = s.level(s.grain(0.07), 1.9, 0.5) * rng.uniform(0, 0.5)
    halves = int(rng.integers(1, 3))
    for k in range(halves):
        away = 0.0 if halves == 1 else (-0.37, 0.39)[k]
        scale = 0.8 if halves == 1 else 0.5
        _half_shell(s, away, rng.uniform(-0.1, 0.1), scale, mix(shell, shell * 0.7, freckles))
    for _ in range(int(rng.integers(1, 6))):
        angle = rng.uniform(0, 6.28) if halves == 1 else np.pi / 2 * rng.choice([-1, 1]) + rng.uniform(-0.4, 0.4)
        away = rng.uniform(0.6, 0.72) if halves == 1 else rng.uniform(0.18, 0.34)
        chip = jagged(
            rng,
            ellipse(away * np.cos(angle), away * np.sin(angle), rng.uniform(0.04, 0.11), rng.uniform(0.03, 0.08))[::8],
            0.3,
            1,
        )
        mask = s.fill(chip)
        s.lay(mask, shell if rng.random() < 0.6 else (246, 242, 234), height=0.04)
    return develop(s)


def _half_shell(s: Surface, cx: float, cy: float, scale: float, shell: Field) -> None:
    rng = s.rng
    turn, long = rng.uniform(0, 6.28), rng.uniform(1.05, 1.3)
    rim = jagged(rng, ellipse(0, 0, scale * 0.82, scale * 0.82 / long)[::3], 0.22, 2)
    rim = moved(turned(rim, turn), cx, cy)
    u, v = (s.x - cx) * np.cos(turn) + (s.y - cy) * np.sin(turn), (s.y - cy) * np.cos(turn) - (s.x - cx) * np.sin(turn)
    bowl = np.sqrt((1 - (u**2 + (v * long) ** 2) / (scale * 0.95) ** 2).clip(0))
    if rng.random() < 0.35:
        mask = s.fill(rim)
        s.lay(mask, shell, height=scale * 0.7 * bowl + 0.03, gloss=0.25)
        cracks = s.stroke(jagged(rng, arc((cx, cy), rng.uniform(0, 6), scale * 0.7, 0.8, 5), 0.4, 2), width=0.01)
        s.lay(mask * cracks, shell * 0.55)
        return
    body = s.fill(ellipse(cx, cy, scale * 0.84, scale * 0.84 / long, turn))
    s.lay(body, shell, height=s.dome(body, scale * 0.25) + 0.05, gloss=0.2)
    lip = s.fill((rim - (cx, cy)) * 0.97 + (cx, cy))
    s.lay(lip, (250, 246, 238), height=0.24)
    hollow = s.fill((rim - (cx, cy)) * 0.91 + (cx, cy))
    wet = mix((236, 228, 214), (214, 200, 178), 0.3 + 0.25 * s.grain(0.4))
    s.lay(hollow, wet, height=0.24 - scale * 0.6 * bowl, gloss=rng.uniform(0.1, 0.5))


def vegetable_leaf(rng: np.random.Generator, size: int) -> Sprite:
    """A cabbage, lettuce or chard leaf: pale ribs, crinkled blade, holes, yellow edges."""
    s = Surface(rng, size)
    green = pick(rng, [(95, 145, 55), (130, 170, 75), (75, 125, 50), (160, 185, 95), (110, 60, 95)], 0.15)
    rib_colour = mix((226, 232, 190), (190, 205, 140), np.full_like(s.x, rng.uniform(0, 1)))
    length, broad = rng.uniform(0.75, 0.9), rng.uniform(0.4, 0.72)
    lobes = np.linspace(-np.pi, np.pi, 34, endpoint=False)
    profile = broad * np.sin((lobes + np.pi) / 2) ** 0.6
    edge = np.stack([length * np.cos(lobes), np.sign(lobes) * profile * np.abs(np.sin(lobes)) ** 0.5], axis=1)
    edge *= 1 + rng.uniform(0.03, 0.09) * rng.uniform(-1, 1, (34, 1))
    mask = s.fill(smooth(edge, 4))
    mask = mask * (1 - s.level(s.grain(0.16), rng.uniform(2.0, 3.2), 0.1))
    wilt = s.level(s.grain(0.5) + 1.5 * (np.hypot(s.x / length, s.y / broad) - 0.9), rng.uniform(0.3, 1.6), 0.8)
    blade = mix(shade(green, 0.12 * s.grain(0.2)), (196, 180, 90), wilt * 0.8)
    blade = mix(blade, (110, 78, 44), wilt**3 * 0.7)
    crinkle = s.grain(0.28) * 0.022 + s.creases(0.6) * 0.02
    s.lay(mask, blade, height=0.1 + crinkle, gloss=0.22)
    spine = arc((-length * 1.02, 0), rng.uniform(-0.12, 0.12), length * 1.8, rng.uniform(-0.3, 0.3))
    veins = [
        arc(spine[k], side * rng.uniform(0.6, 0.9), broad * rng.uniform(0.6, 0.95), -side * 0.5)
        for k in range(3, 12, 2)
        for side in (-1, 1)
    ]
    s.lay(mask * s.stroke(*veins, width=0.022), rib_colour, lift=0.012, cover=False)
    rib = s.fill(ribbon(spine, [rng.uniform(0.06, 0.12), 0.06, 0.03, 0.006]))
    s.lay(rib, rib_colour, lift=0.6 * s.dome(rib, 0.05), gloss=0.3)
    return develop(s)


def bread(rng: np.random.Generator, size: int) -> Sprite:
    """A slice of a loaf with crust and pores, perhaps bitten, perhaps mouldy."""
    s = Surface(rng, size)
    crust = pick(rng, [(150, 92, 42), (120, 70, 34), (175, 115, 58)])
    crumb = pick(rng, [(238, 218, 172), (226, 198, 148), (190, 150, 102)], 0.07)
    wide, tall = rng.uniform(0.56, 0.68), rng.uniform(0.54, 0.7)
    knots = [
        (-wide * 0.9, tall),
        (-wide * 0.94, 0.1),
        (-wide, -tall * 0.35),
        (-wide * 0.75, -tall * 0.92),
        (0, -tall * 1.05),
        (wide * 0.75, -tall * 0.92),
        (wide, -tall * 0.35),
        (wide * 0.94, 0.1),
        (wide * 0.9, tall),
        (0, tall * 1.0),
    ]
    outline = smooth(np.array(knots) + rng.uniform(-0.03, 0.03, (10, 2)))
    mask = s.fill(outline)
    if rng.random() < 0.45:
        angle = rng.uniform(0, 6.28)
        bites = [ellipse(0.72 * np.cos(angle + d), 0.72 * np.sin(angle + d), 0.26, 0.26) for d in (-0.45, 0.0, 0.4)]
        mask = mask * (1 - s.fills(bites))
    inner = mask * s.fill(outline * (1 - rng.uniform(0.06, 0.11)))
    pores = s.level(s.grain(0.07), 1.0, 1.0)
    s.lay(mask, shade(crust, 0.12 * s.grain(0.2)), height=s.dome(mask, 0.1) + 0.08)
    toast = mix(crumb, crust, 0.12 + 0.2 * s.grain(0.8) + 0.3 * rng.uniform(-0.4, 1))
    s.lay(inner, mix(toast, crumb * 0.78, pores), height=0.16 - 0.012 * pores + 0.004 * s.grain(0.06))
    if rng.random() < 0.4:
        mould = s.level(s.grain(0.35), rng.uniform(0.7, 1.4), 0.5) * mask
        fuzz = mix((92, 120, 92), (205, 214, 200), 0.4 + 0.35 * s.grain(0.1))
        s.lay(mould, fuzz, lift=0.015, cover=False)
    return develop(s)


def bone(rng: np.random.Generator, size: int) -> Sprite:
    """A drumstick bone with knuckled ends and scraps of meat."""
    s = Surface(rng, size)
    ivory = mix((232, 216, 186), (190, 150, 105), 0.25 + 0.25 * s.grain(0.4))
    spine = arc((-0.68, rng.uniform(-0.1, 0.1)), rng.uniform(-0.15, 0.15), 1.34, rng.uniform(-0.35, 0.35))
    thin = rng.uniform(0.09, 0.13)
    shaft = ribbon(spine, [thin * 1.7, thin * 1.05, thin, thin, thin * 1.25, thin * 2.0])
    knuckles = []
    for end, spread in ((spine[0], rng.uniform(0.1, 0.14)), (spine[-1], rng.uniform(0.13, 0.18))):
        knuckles += [blob(rng, end[0], end[1] + side * spread, spread * 1.15, spread, wobble=0.1) for side in (-1, 1)]
    mask = s.fills([shaft, *knuckles])
    s.lay(mask, ivory, height=s.dome(mask, 0.16) + 0.006 * s.grain(0.1), gloss=0.35)
    meat = mask * s.level(s.grain(0.3) + 0.9 * np.abs(s.x), rng.uniform(0.9, 2.0), 0.3)
    s.lay(meat, mix((150, 84, 52), (100, 50, 34), 0.5 + 0.4 * s.grain(0.1)), lift=0.02, gloss=0.4)
    return develop(s)
