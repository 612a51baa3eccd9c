"""The preview shows what the network would see."""

from pathlib import Path

import cv2
import numpy as np

from edge.photos.dataset import open_dataset
from tests.train.conftest import SIZE, Command
from train.preview import ROWS, VIEWS, write_preview
from train.settings import Settings


def test_a_preview_has_a_photo_and_its_views_in_every_row(shapes: Path, tmp_path: Path) -> None:
    """First the photo, then other pictures of it, from all classes."""
    settings = Settings(weights="none", size=SIZE)

    write_preview(open_dataset(shapes).photos, settings, tmp_path / "cache", tmp_path / "new" / "grid.png")

    grid = cv2.imread(str(tmp_path / "new" / "grid.png"))
    assert grid.shape == (ROWS * SIZE, (1 + VIEWS) * SIZE, 3)
    tiles = grid.reshape(ROWS, SIZE, 1 + VIEWS, SIZE, 3).swapaxes(1, 2).reshape(ROWS, 1 + VIEWS, -1)
    assert all(len(np.unique(row, axis=0)) == 1 + VIEWS for row in tiles)
    assert len(np.unique(tiles[:, 0], axis=0)) == ROWS


def test_the_command_that_would_train_previews(
    shapes: Path, weights: Path, tmp_path: Path, command_line: Command
) -> None:
    """--preview writes the picture that its own settings make, and neither trains nor makes the run's folder."""
    out, grid = tmp_path / "run", tmp_path / "grid.png"

    done = command_line(shapes, "--weights", weights, "--out", out, "--size", SIZE, "--mixup", 0.4, "--preview", grid)

    assert done.status == 0, done
    assert cv2.imread(str(grid)).shape == (ROWS * SIZE, (1 + VIEWS) * SIZE, 3)
    assert not out.exists()


def test_a_preview_without_augmentation_repeats_the_photo(shapes: Path, tmp_path: Path) -> None:
    """Strength 0 and no belts: nothing is drawn, nothing is shown."""
    settings = Settings(weights="none", size=SIZE, augment=0.0, backgrounds=0.0)

    write_preview(open_dataset(shapes).photos, settings, tmp_path / "cache", tmp_path / "grid.png")

    grid = cv2.imread(str(tmp_path / "grid.png"))
    assert all(np.array_equal(tile, grid[:, :SIZE]) for tile in np.split(grid, 1 + VIEWS, axis=1))
