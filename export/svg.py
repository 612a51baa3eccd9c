"""Draws the charts of the report as inline SVG: no file beside the page, no script, no plotting library.

Four kinds of marks do not earn matplotlib's 60 MB, and hand-drawn SVG is the same bytes for the same figures.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

SIDE = 260
"""Of a scatter, in pixels."""
BAR, GAP, LABEL, LENGTH = 14, 8, 190, 380
"""Height of a bar, space between groups, width of the labels, length of a full bar; pixels."""
COLOURS = ("#9aa5b1", "#2f6f9f", "#c8793a", "#5b9a68", "#8c5a9e", "#b0413e", "#6b6b3a", "#3a8f8f")
"""The trained network is grey."""


def scatter(x: NDArray[np.float64], y: NDArray[np.float64], x_name: str, y_name: str) -> str:
    """Points of the unit square, x to the right and y upward, over the diagonal where both are equal."""
    places = np.rint(np.stack([x.ravel(), 1 - y.ravel()], axis=1) * SIDE * 2) / 2
    marks = "".join(f"M{left:g} {top:g}h0" for left, top in np.unique(places, axis=0))
    return (
        f'<svg viewBox="-30 -8 {SIDE + 44} {SIDE + 40}" width="{SIDE + 44}" role="img">'
        f'<rect width="{SIDE}" height="{SIDE}" class="frame"/><path d="M0 {SIDE}L{SIDE} 0" class="line"/>'
        f'<path d="{marks}" class="dots"/>'
        f'<text x="{SIDE / 2:g}" y="{SIDE + 24}" text-anchor="middle">{escape(x_name)}</text>'
        f'<text transform="translate(-12 {SIDE / 2:g}) rotate(-90)" text-anchor="middle">{escape(y_name)}</text></svg>'
    )


def bars(groups: Mapping[str, Sequence[float]], series: Sequence[str], full: float, unit: str = "") -> str:
    """One group of horizontal bars for each label, one bar for each of `series`; a bar of `full` has full length."""
    parts, top = [], 0
    for label, values in groups.items():
        middle = top + BAR * len(values) / 2 + 4
        parts.append(f'<text x="{LABEL - 8}" y="{middle:g}" text-anchor="end">{escape(label)}</text>')
        for index, value in enumerate(values):
            parts.append(_bar(top + BAR * index, value, full, COLOURS[index % len(COLOURS)], series[index], unit))
        top += BAR * len(values) + GAP
    width = LABEL + LENGTH + 90
    return f'<svg viewBox="0 0 {width} {top}" width="{width}" role="img">{"".join(parts)}</svg>' + _legend(series)


def _bar(top: float, value: float, full: float, colour: str, name: str, unit: str) -> str:
    length = 0 if np.isnan(value) or full <= 0 else max(0.0, min(1.0, value / full)) * LENGTH
    said = f"{value:.4f}" if not unit else f"{value:.1f} {unit}"
    return (
        f'<rect x="{LABEL}" y="{top:g}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}">'
        f"<title>{escape(name)}</title></rect>"
        f'<text x="{LABEL + length + 4:.1f}" y="{top + BAR - 4:g}" class="small">{escape(said)}</text>'
    )


def _legend(series: Sequence[str]) -> str:
    if len(series) < 2:
        return ""
    marks = [f'<b style="color:{COLOURS[i % len(COLOURS)]}">&#9632;</b> {escape(s)}' for i, s in enumerate(series)]
    return f'<p class="small">{" &nbsp; ".join(marks)}</p>'
