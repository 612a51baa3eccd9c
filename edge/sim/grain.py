"""Noise for textures: random windows into two banks that are computed once per process."""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""A scalar picture: (H, W), float32 unless arithmetic made it wider."""

_BANK = 1024
_CELL = 32
"""Pixels of the bank in one feature of its coarsest octave."""


def grain(rng: np.random.Generator, shape: tuple[int, int], feature_px: float) -> Field:
    """Fractal noise of mean 0 and deviation near 1 whose coarsest features measure ``feature_px``.

    It draws the same number of random values whatever the shape, so one seed gives one item at every size.
    """
    return _window(_fractal(), rng, shape, _CELL / feature_px)


def creases(rng: np.random.Generator, shape: tuple[int, int], feature_px: float) -> Field:
    """Height of crumpled sheet: flat facets between sharp folds, mean 0, deviation near 1."""
    return _window(_crumpled(), rng, shape, _CELL / feature_px)


def _window(levels: tuple[Field, ...], rng: np.random.Generator, shape: tuple[int, int], step: float) -> Field:
    """A random place of a bank, mirrored or not, with ``step`` bank pixels to each picture pixel."""
    depth = min(len(levels) - 1, max(0, int(np.ceil(np.log2(step)))))
    bank, step = levels[depth], step / 2**depth
    side = bank.shape[0]
    top, left = (rng.random(2) * side).astype(np.intp)
    down = (top + np.arange(max(4, int(shape[0] * step) + 1))) % side
    across = (left + np.arange(max(4, int(shape[1] * step) + 1))) % side
    piece = bank[down].take(across, axis=1)
    window = cv2.resize(piece, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC if step < 0.5 else cv2.INTER_LINEAR)
    return np.asarray(_mirrored(window, int(rng.integers(4))), np.float32)


def _mirrored(window: Field, pose: int) -> Field:
    return np.asarray(cv2.flip(window, pose - 1), np.float32) if pose < 3 else window


def _levels(bank: Field) -> tuple[Field, ...]:
    """``bank`` and its halvings, each brought back to deviation 1."""
    found = [bank]
    while found[-1].shape[0] > 4 * _CELL:
        half = found[-1].shape[0] // 2
        found.append(
            _standard(np.asarray(cv2.resize(found[-1], (half, half), interpolation=cv2.INTER_AREA), np.float32))
        )
    return tuple(found)


@cache
def _fractal() -> tuple[Field, ...]:
    rng = np.random.default_rng(1)
    total = np.zeros((_BANK, _BANK), np.float32)
    cell = _CELL
    while cell >= 2:
        total += _octave(rng, cell) * (cell / _CELL) ** 0.9
        cell //= 2
    return _levels(_standard(total))


@cache
def _crumpled() -> tuple[Field, ...]:
    """Folds are ``|distance to a bent line|``; their sum is flat between folds and sharp on them."""
    rng = np.random.default_rng(2)
    rows, cols = np.mgrid[0:_BANK, 0:_BANK].astype(np.float32) * np.float32(2 * np.pi / _BANK)
    rows += 0.12 * _octave(rng, 64)
    cols += 0.12 * _octave(rng, 64)
    total = np.zeros((_BANK, _BANK), np.float32)
    for _ in range(16):
        down, across = rng.integers(-9, 10, size=2)
        wave = np.sin(down * rows + across * cols + rng.uniform(0, 6.28), dtype=np.float32)
        total += np.abs(wave) * np.float32(1.0 / np.hypot(down, across, dtype=np.float64).clip(1.0))
    return _levels(_standard(total))


def _octave(rng: np.random.Generator, cell: int) -> Field:
    """Smooth noise that tiles: one random value every ``cell`` pixels."""
    cells = _BANK // cell
    grid = np.pad(rng.standard_normal((cells, cells)).astype(np.float32), 2, mode="wrap")
    wide = cv2.resize(grid, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide[2 * cell : -2 * cell, 2 * cell : -2 * cell], np.float32)


def _standard(field: Field) -> Field:
    return np.asarray((field - field.mean()) / field.std(), np.float32).clip(-3.0, 3.0)
