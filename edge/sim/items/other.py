"""Other waste beside masks: tissues, toothbrushes, shards, nappies, cloths and chopsticks."""

import numpy as np

from edge.sim.grain import Field
from edge.sim.light import Sprite, develop
from edge.sim.outline import Points, arc, blob, ellipse, jagged, moved, rectangle, ribbon, smooth, turned
from edge.sim.paint import Surface, mix, pick, shade


def tissue(rng: np.random.Generator, size: int) -> Sprite:
    """A soft crumpled paper tissue, thin at its edges, sometimes stained."""
    s = Surface(rng, size)
    white = pick(rng, [(244, 244, 242), (238, 236, 230), (232, 226, 214)], 0.03)
    soft = blob(rng, 0, 0, rng.uniform(0.62, 0.8), rng.uniform(0.48, 0.7), wobble=0.3, knots=13)
    whole = s.fill(jagged(rng, soft[::2], 0.06, 1))
    core = s.soften(s.fill(blob(rng, 0, 0, 0.48, 0.4, wobble=0.3)), 0.1)
    folds = s.soften(s.creases(0.6), 0.012)
    quilt = 0.0009 * np.sin(s.x * 75 + 2 * folds) * np.sin(s.y * 75)
    swell = 0.05 * s.grain(0.7)
    s.lay(whole, white, height=0.06 + 0.05 * folds + swell + quilt, clear=0.18)
    s.lay(core * whole, white, lift=0.4 * s.soften(s.dome(core, 0.5), 0.08) + 0.04 * s.creases(0.35), clear=0.0)
    stain = s.level(s.grain(0.5), rng.uniform(1.0, 3.0), 0.8) * whole * 0.5
    s.lay(stain, pick(rng, [(196, 168, 96), (160, 120, 80), (170, 60, 50)]), cover=False)
    return develop(s)


def toothbrush(rng: np.random.Generator, size: int) -> Sprite:
    """A long handle with a rubber grip and a head of bristle tufts, from above or from the side."""
    s = Surface(rng, size)
    colour = pick(rng, [(40, 120, 200), (220, 60, 90), (60, 170, 120), (240, 160, 40), (235, 238, 240), (130, 80, 170)])
    grip = pick(rng, [(240, 240, 242), (40, 60, 110), (90, 200, 180), (250, 120, 120)])
    bend = rng.uniform(-0.12, 0.12)
    spine = arc((-0.95, 0), bend, 1.9, -2 * bend)
    handle = s.fill(ribbon(spine, [0.055, 0.075, 0.08, 0.07, 0.05, 0.035, 0.03, 0.065, 0.075, 0.06]))
    s.lay(handle, colour, height=s.dome(handle, 0.06), gloss=0.6, clear=rng.uniform(0, 0.3))
    pad = s.fill(ribbon(spine[2:8], [0.02, 0.05, 0.045, 0.02]))
    s.lay(pad, shade(grip, 0.1 * np.sign(np.sin(s.x * 60))), lift=0.012, gloss=0.2, clear=0.0)
    head = spine[-4:]
    tufts = pick(rng, [(244, 246, 248), (120, 190, 235), (235, 240, 200)])
    if rng.random() < 0.5:
        places = [(x, y) for x in np.linspace(head[0][0], head[-1][0] - 0.02, 8) for y in (-0.045, 0.0, 0.045)]
        for paint, some in ((tufts, places), (colour * 0.5 + 100, places[9:15])):
            tuft = s.fills([ellipse(x, float(head[1][1]) + y, 0.026, 0.02) for x, y in some])
            s.lay(tuft, paint, height=0.1 + s.dome(tuft, 0.02), gloss=0.1, clear=0.0)
        return develop(s)
    y0 = float(head[1][1])
    block = jagged(
        rng,
        [(head[0][0], y0), (head[0][0] - 0.01, y0 - 0.19), (head[-1][0] + 0.02, y0 - 0.19), (head[-1][0], y0)],
        0.03,
        3,
    )
    mask_ = s.fill(block)
    bristle = 0.16 * np.sign(np.sin(s.x * 85)) + 0.08 * np.sin(s.x * 210)
    s.lay(mask_, shade(tufts, bristle), height=0.05 + 0.01 * np.sin(s.x * 85), clear=0.0)
    return develop(s)


def ceramic_shard(rng: np.random.Generator, size: int) -> Sprite:
    """Pieces of a broken plate or bowl: glazed face with a decor line, raw clay at the breaks."""
    s = Surface(rng, size)
    glaze = pick(rng, [(242, 240, 234), (232, 226, 212), (176, 200, 214), (120, 80, 60), (210, 220, 205)], 0.05)
    clay = pick(rng, [(206, 186, 160), (222, 214, 202), (176, 120, 88)])
    decor = pick(rng, [(40, 70, 150), (160, 50, 50), (60, 110, 70), (190, 150, 60)])
    faces, raw = _decorated(s, glaze, decor), shade(clay * 0.85, 0.08 * s.grain(0.06))
    pieces = int(rng.integers(1, 4))
    for k in range(pieces):
        angle = 2 * np.pi * k / pieces + rng.uniform(-0.4, 0.4)
        away, reach = (0.0, 0.76) if pieces == 1 else (0.31, 0.52)
        corners = int(rng.integers(4, 7))
        bearing = (np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * 2 * np.pi / corners + rng.uniform(0, 6.28)
        shape = np.stack([np.cos(bearing), np.sin(bearing)], 1) * reach * rng.uniform(0.65, 1.15, (corners, 1))
        outline = jagged(rng, moved(shape, away * np.cos(angle), away * np.sin(angle)), 0.07, 2)
        _shard(s, outline, faces, raw)
    crackle = s.level(-np.abs(s.grain(0.35)), -0.02, 0.03) * 0.2
    s.lay(s.cover * crackle, glaze * 0.6, cover=False)
    return develop(s)


def _shard(s: Surface, outline: Points, glazed: Field, raw: Field) -> None:
    rng = s.rng
    broken = moved(outline, rng.uniform(-0.015, 0.045), rng.uniform(-0.005, 0.055))
    s.lay(s.fill(broken), raw, height=0.03)
    x, y = outline.mean(axis=0)
    face = s.fill(moved(moved(outline, -x, -y) * 0.96, x, y))
    curve = 0.09 * np.cos(s.x * 1.4 + x) * np.cos(s.y * 1.4 + y)
    s.lay(face, glazed, height=0.1 + curve, gloss=0.95)


def _decorated(s: Surface, glaze: Field, decor: Field) -> Field:
    """The glaze with two rings around the middle of what was a plate."""
    rng = s.rng
    ring = np.hypot(s.x - rng.uniform(-1.4, -0.9), s.y - rng.uniform(-1.2, 1.2))
    inner, outer = rng.uniform(1.0, 1.25), rng.uniform(1.3, 1.5)
    painted = s.level(-np.abs(ring - inner), -0.04, 0.02) + s.level(-np.abs(ring - outer), -0.015, 0.02)
    return mix(shade(glaze, 0.012 * s.grain(0.4)), decor, painted)


def diaper(rng: np.random.Generator, size: int) -> Sprite:
    """An open nappy with elastic ruffles and tapes, or one rolled up and taped."""
    s = Surface(rng, size)
    white = pick(rng, [(240, 242, 244), (232, 238, 244), (244, 240, 232)], 0.03)
    tape = pick(rng, [(120, 170, 220), (240, 150, 170), (140, 200, 140), (245, 205, 90)])
    if rng.random() < 0.45:
        roll = s.fill(blob(rng, 0, 0, 0.72, 0.5, wobble=0.08, knots=12))
        layers = 0.014 * np.sin(s.y * 30 + 1.5 * s.grain(0.8))
        s.lay(roll, shade(white, 0.03 * s.grain(0.3)), height=s.dome(roll, 0.4) * 0.8 + layers + 0.02 * s.creases(0.5))
        for side in (-1, 1):
            s.lay(
                s.fill(rectangle(side * 0.28 - 0.09, -0.12, side * 0.28 + 0.09, 0.1, 0.03)) * roll,
                tape,
                lift=0.01,
                gloss=0.3,
            )
        _stain(s, roll)
        return develop(s)
    w, h = rng.uniform(0.5, 0.58), 0.84
    outline = smooth(
        [
            (-w, -h),
            (0, -h),
            (w, -h),
            (w, -h * 0.5),
            (w * 0.48, -h * 0.1),
            (w * 0.5, h * 0.25),
            (w * 0.9, h * 0.6),
            (w * 0.9, h),
            (0, h),
            (-w * 0.9, h),
            (-w * 0.9, h * 0.6),
            (-w * 0.5, h * 0.25),
            (-w * 0.48, -h * 0.1),
            (-w, -h * 0.5),
        ],
        5,
    )
    body = s.fill(outline)
    pad = s.fill(smooth([(-0.2, -0.72), (0.2, -0.72), (0.17, 0), (0.2, 0.72), (-0.2, 0.72), (-0.17, 0)], 6))
    ruffle = (
        0.012 * np.sin(s.y * 48 + 1.5 * s.grain(0.4)) * ((np.abs(s.x) - 0.14) * 4).clip(0, 1) * (np.abs(s.y) < h * 0.7)
    )
    for side in (-1, 1):
        s.lay(
            s.fill(rectangle(side * (w + 0.08) - 0.1, -h * 0.92, side * (w + 0.08) + 0.1, -h * 0.72, 0.03)),
            tape,
            height=0.04,
            gloss=0.3,
        )
    s.lay(body, white, height=0.05 + ruffle + 0.02 * s.creases(0.9))
    s.lay(pad, white * 0.98, lift=s.soften(s.dome(pad, 0.14), 0.03) * 0.8)
    front = s.band(-w * 0.6, w * 0.6) * s.fill(rectangle(-1, h * 0.66, 1, h * 0.86))
    s.lay(front, tape * 0.5 + 110, cover=False)
    _stain(s, pad)
    return develop(s)


def _stain(s: Surface, where: Field) -> None:
    rng = s.rng
    spot = s.level(s.grain(0.6), rng.uniform(0.4, 2.2), 0.9) * where * rng.uniform(0.2, 0.6)
    s.lay(spot, pick(rng, [(220, 200, 110), (170, 130, 70), (150, 110, 60)]), cover=False)


def dirty_cloth(rng: np.random.Generator, size: int) -> Sprite:
    """A rag in folds: checks, stripes or terry, with grease and dirt."""
    s = Surface(rng, size)
    base, second = (
        pick(rng, [(190, 180, 165), (120, 140, 170), (170, 90, 90), (140, 165, 130), (210, 200, 120), (110, 110, 120)])
        for _ in range(2)
    )
    corners = np.array(
        [(-0.72, -0.6), (0, -0.66), (0.74, -0.55), (0.8, 0.1), (0.66, 0.62), (-0.1, 0.6), (-0.7, 0.66), (-0.66, 0)]
    )
    rag = s.fill(smooth(corners * rng.uniform(0.72, 1.08, (8, 2)), 6))
    folds = s.soften(s.creases(0.75), 0.02)
    u, v = s.x + 0.06 * folds, s.y + 0.05 * s.grain(0.6)
    pitch = rng.uniform(14, 30)
    kind = int(rng.integers(3))
    stripes = (np.sin(u * pitch) > rng.uniform(-0.2, 0.5)).astype(np.float32)
    checks = (0.0 * stripes, stripes * 0.9, 0.45 * stripes + 0.45 * (np.sin(v * pitch) > 0.2))[kind]
    weave = 0.05 * np.sin(u * 150) * np.sin(v * 150) + 0.03 * s.grain(0.06)
    cloth = mix(base, second, np.asarray(checks, np.float32)) * (1 + weave)[..., None]
    s.lay(rag, cloth, height=0.16 + 0.1 * folds + 0.05 * s.grain(0.9))
    for colour, least in (((84, 64, 46), 0.9), ((52, 48, 46), 1.6)):
        s.lay(s.level(s.grain(0.45), least * rng.uniform(0.7, 1.5), 1.2) * rag * 0.65, colour, cover=False)
    return develop(s)


def chopsticks(rng: np.random.Generator, size: int) -> Sprite:
    """Two tapering wooden sticks, side by side or crossed, perhaps with a paper sleeve."""
    s = Surface(rng, size)
    wood = pick(rng, [(222, 186, 130), (202, 160, 105), (150, 100, 62), (120, 40, 36)])
    streak = 0.07 * np.sin(s.y * 90 + 3 * s.grain(1.2)) + 0.05 * s.grain(0.2)
    for k, tilt in enumerate(rng.uniform(-0.16, 0.16, 2)):
        axis = np.stack([np.linspace(-0.93, 0.93, 12), np.zeros(12)], axis=1)
        lying = turned(ribbon(axis, [0.05, 0.046, 0.034, 0.022]), tilt)
        stick = moved(lying, 0, (k - 0.5) * rng.uniform(0.04, 0.13))
        shape = s.fill(stick)
        s.lay(shape, shade(wood, streak), height=s.dome(shape, 0.05) + 0.04 * k, gloss=0.2)
    if rng.random() < 0.35:
        sleeve = s.fill(rectangle(-0.75, -0.16, 0.05, 0.16, 0.01))
        s.lay(sleeve, pick(rng, [(236, 230, 220), (180, 40, 40)], 0.05), height=0.1 + 0.01 * s.creases(0.6))
    return develop(s)
