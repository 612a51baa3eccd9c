"""A contact sheet: all that the catalogue can draw on one picture, for eyes."""

from pathlib import Path

import cv2
import numpy as np

from edge.errors import UsageError
from edge.sim.belt import Picture
from edge.sim.crop import crop
from edge.sim.items import CATALOGUE


def contact_sheet(out: Path, *, columns: int, seed: int, size: int) -> None:
    """Write ``columns`` pictures of every subclass to ``out``, one row each, in the catalogue's order.

    Raises UsageError when ``out`` is no picture's name or cannot be written.
    """
    rows: list[Picture] = []
    for label, drawings in CATALOGUE.items():
        for subclass, drawing in drawings.items():
            pictures = [crop(np.random.default_rng([seed, len(rows), k]), drawing, size) for k in range(columns)]
            row = np.hstack(pictures)
            cv2.putText(row, f"{label}/{subclass}", (4, size - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
            rows.append(row)
    if not _written(out, cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)):
        raise UsageError(
            f"{out}: cannot write a picture there; expected a name such as items.png in an existing folder"
        )


def _written(out: Path, picture: cv2.typing.MatLike) -> bool:
    try:
        return cv2.imwrite(str(out), picture)
    except cv2.error:
        return False
