"""What is printed on things: words, text blocks, bar codes, stripes and label art."""

import cv2
import numpy as np

from edge.sim.grain import Field
from edge.sim.outline import ellipse, rectangle
from edge.sim.paint import Colour, Surface, pick

INKS = (
    (200, 30, 35),
    (20, 70, 170),
    (20, 130, 70),
    (235, 150, 20),
    (120, 40, 130),
    (30, 30, 40),
    (10, 140, 170),
    (240, 205, 40),
    (240, 240, 240),
)
"""Colours that packaging is printed in."""

_WORDS = (
    "AVORA",
    "LUMI",
    "BREXO",
    "NATUR",
    "ZEPHA",
    "KORU",
    "DELTA",
    "PRIMA",
    "OMNIA",
    "SOLVE",
    "ORBI",
    "VITAL",
    "MAXO",
    "TERRA",
)
"""Invented brand names."""


def word(surface: Surface, text: str, x: float, y: float, height: float) -> Field:
    """The mask of ``text``, its left base line at (x, y), capitals ``height`` units high."""
    canvas = np.zeros((surface.size, surface.size), np.uint8)
    half = surface.size / 2
    pixels = height * half
    place = (round((x + 1) * half), round((y + 1) * half))
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_DUPLEX, pixels / 21, 255, max(1, round(pixels / 8)), cv2.LINE_AA)
    return np.multiply(canvas, np.float32(1 / 255), dtype=np.float32)


def brand(surface: Surface, x: float, y: float, height: float) -> Field:
    """The mask of an invented brand name."""
    return word(surface, _WORDS[int(surface.rng.integers(len(_WORDS)))], x, y, height)


def text_block(surface: Surface, box: tuple[float, float, float, float], pitch: float) -> Field:
    """The mask of lines of small print in ``box`` (x0, y0, x1, y1), ``pitch`` apart: words are dashes."""
    rng = surface.rng
    x0, y0, x1, y1 = box
    lines = []
    for y in np.arange(y0, y1, pitch):
        edges = x0 + np.cumsum(rng.uniform(0.4, 2.2, 24) * pitch)
        stops = edges[: np.searchsorted(edges, x1 - pitch * rng.uniform(0, 2))]
        starts = np.concatenate([[x0], stops[:-1] + 0.4 * pitch])
        lines += [rectangle(a, y, b, y + pitch * 0.42) for a, b in zip(starts, stops, strict=False) if b > a]
    return surface.fills(lines)


def bar_code(surface: Surface, x0: float, y0: float, x1: float, y1: float) -> Field:
    """The mask of the bars of a bar code."""
    edges = x0 + np.cumsum(surface.rng.choice([0.012, 0.02, 0.03], 40))
    edges = edges[edges < x1]
    return surface.fills([rectangle(a, y0, b, y1) for a, b in zip(edges[::2], edges[1::2], strict=False)])


def label(surface: Surface, mask: Field, span: tuple[float, float], half_height: float) -> None:
    """A printed label over ``mask`` from x0 to x1 of ``span``: ground, stripes or a disc, a name, small print."""
    rng = surface.rng
    x0, x1 = span
    ground, accent, ink = (pick(rng, INKS) for _ in range(3))
    surface.lay(mask, ground, gloss=0.35, metal=0.0, clear=0.0)
    _art(surface, mask, accent, span, half_height)
    tall = half_height * rng.uniform(0.35, 0.6)
    _ink(
        surface, mask, brand(surface, x0 + 0.06 * (x1 - x0), rng.uniform(0.0, 0.8) * tall, tall), _against(ground, ink)
    )
    small = text_block(surface, (x0 + 0.08, half_height * 0.5, x1 - 0.1, half_height * 0.85), 0.05)
    _ink(surface, mask, small, _against(ground, ink))


def _art(surface: Surface, mask: Field, accent: Colour, span: tuple[float, float], half_height: float) -> None:
    rng = surface.rng
    (x0, x1), kind = span, int(rng.integers(4))
    middle = rng.uniform(x0, x1)
    if kind == 0:
        art = surface.fill(ellipse(middle, 0, half_height * 0.8, half_height * 0.6))
    elif kind == 1:
        art = surface.fill(rectangle(x0, -half_height * 0.75, x1, -half_height * 0.35))
    elif kind == 2:
        wave = np.sin(surface.x * rng.uniform(6, 14) + rng.uniform(0, 6)) * 0.2 * half_height
        art = surface.level(surface.y - wave, half_height * rng.uniform(-0.3, 0.3), 0.03)
    else:
        art = surface.band(middle - 0.06, middle + 0.06)
    _ink(surface, mask, art, accent)


def _ink(surface: Surface, mask: Field, art: Field, colour: Colour) -> None:
    surface.lay(mask * art, colour, cover=False)


def _against(ground: Colour, ink: Colour) -> Colour:
    """``ink`` where it can be read on ``ground``, else black or white."""
    far = abs(float(np.mean(ground)) - float(np.mean(ink)))
    if far > 70:
        return ink
    return (245, 245, 245) if np.mean(ground) < 130 else (25, 25, 30)
